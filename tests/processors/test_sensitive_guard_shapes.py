"""Secrets in shapes that are seldom seen, and harmless things that look like them."""

from collections import namedtuple

import pytest
import sensitive_cases as cases

from eventtracking.processors.sensitive_guard import SensitiveFieldGuard
from eventtracking.redaction.values import _unused

MARK = "[redacted]"


def guarded(data, **options):
    event = {"name": "a", "timestamp": None, "data": data, "context": {}}
    return SensitiveFieldGuard(**options)(event)["data"]


class Asked(dict):
    """It counts how often it is asked for a key."""

    times = 0

    def __contains__(self, key):
        self.times += 1
        return super().__contains__(key)


def test_a_thousand_names_that_become_one_are_numbered_in_one_go():
    """Each by the number behind the last one, instead of by looking for a free one from two on."""
    taken, clashes = Asked(), {}
    for number in range(1000):
        taken[_unused(MARK, taken, clashes)] = number

    assert [*taken] == [MARK, *(f"{MARK}#{n}" for n in range(2, 1001))]
    assert taken.times <= 2 * len(taken)


def test_no_value_is_lost_whose_name_becomes_another():
    """The first keeps the plain mark."""
    # No other letters: by chance, they could spell a sensitive name.
    tokens = {f"Bearer x{cases.some(20, cases.DIGITS)}y{n}": n for n in range(100)}

    found = guarded(tokens)

    assert [*found] == [f"Bearer {MARK}", *(f"Bearer {MARK}#{n}" for n in range(2, 101))]
    assert [*found.values()] == [*range(100)]


def test_a_numbered_name_that_was_there_before_is_kept():
    """No value is lost, whichever name it had."""
    first, second = ("ghp" + "_" + cases.some(36) for _ in range(2))

    found = guarded({f"{MARK}#2": 1, first: 2, second: 3})

    assert found == {f"{MARK}#2": 1, MARK: 2, f"{MARK}#3": 3}


Login = namedtuple("Login", "user password")  # noqa: PYI024
Header = namedtuple("Header", "name value line")  # noqa: PYI024
Pair = namedtuple("Pair", "first second")  # noqa: PYI024


def test_a_field_of_a_named_tuple_is_judged_by_its_name():
    """As the field of a dataclass or a mapping is."""
    secret = cases.word()

    found = guarded(
        [Login("ana", secret), Header("X-Api-Key", secret, 3), Pair("password", secret)]
    )

    assert found == [Login("ana", MARK), Header("X-Api-Key", MARK, 3), Pair("password", MARK)]
    assert [type(each) for each in found] == [Login, Header, Pair]


def test_a_field_of_a_named_tuple_can_be_declared_harmless():
    """Also within a container that is secret."""
    data = {"secret": Login("ana", "blue"), "login": Login("ana", "blue")}

    assert guarded(data, allow_keys=["password"]) == {
        "secret": Login(MARK, "blue"),
        "login": Login("ana", "blue"),
    }


def test_named_tuples_within_each_other_are_walked_through_once():
    """Twice at each level would be for ever."""
    secret = cases.word()
    nested = Login("ana", secret)
    for _ in range(60):
        nested = Pair(1, nested)

    found = guarded(nested)
    for _ in range(60):
        found = found.second

    assert found == Login("ana", MARK)


NAMES = [
    *("creds", "awsCreds", "user_creds", "ccnum", "ccNum", "cardnum", "ccno", "cardno"),
    *("csc", "card_csc", "cardCsc", "cc_csc"),
]


@pytest.mark.parametrize("name", NAMES)
def test_short_names_of_secrets_are_known(name):
    """As programs abbreviate them."""
    number = cases.card() if "no" in name or "num" in name else "1" + cases.some(2, cases.DIGITS)

    assert guarded({name: number, "n": 1}) == {name: MARK, "n": 1}


@pytest.mark.parametrize(
    "data",
    [
        {"betoken": "x"},
        {"training_session": "2026-spring-a1b2c3"},
        {"csc": "Computer Science"},
        {"csc_grade": 250, "discreds": "x", "sacred": "x"},
    ],
)
def test_names_that_only_look_like_them_are_harmless(data):
    """A verb, a lesson, a science."""
    assert guarded(data) == data


GAPS = [":", "|", "*", "\u00b7", "--", "::", "~", "#", "..", "//", "__", "\u2022", "="]


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize(("length", "sizes"), [(16, (4, 4, 4, 4)), (15, (4, 6, 5)), (16, (8, 8))])
def test_a_card_is_found_whatever_stands_between_its_groups(gap, length, sizes):
    """Any sign, once or twice, as long as it is the same."""
    number = cases.card("4" if length == 16 else "37", length)

    found = guarded(f"no {cases.grouped(number, sizes, gap)} ok")

    assert found == f"no {MARK} ok"


@pytest.mark.parametrize(
    "text",
    [
        *("2026:11:23 10:11:12", "2026:11:23:10:11:12", "2019|2020|2021|2022|2023", "00:12:34.567"),
        *("51:05:10:51:05:10:51:11", "2001:4111:1111:1111:1111:1111:1111:1111", "1*2*3*4*5*6"),
    ],
)
def test_times_and_addresses_between_signs_are_no_cards(text):
    """A card has long groups, and nothing else behind the same sign."""
    assert guarded([text, f"at {text}, or so"]) == [text, f"at {text}, or so"]


def test_words_behind_the_beginning_of_a_key_are_no_key():
    """They are the name of a course; a key is one long word."""
    slug, key = "sk-learn-tutorial-2026-Advanced-Topics", "sk" + "-" + cases.some(48)

    assert guarded([slug, f"see {slug}.", key, f"sk-learn-{key}"]) == [
        slug,
        f"see {slug}.",
        MARK,
        MARK,
    ]


def test_a_number_too_large_for_a_float_stays_in_a_text_of_json():
    """Written as Infinity, it would make the text one that nobody reads."""
    secret = cases.word()
    text = f'{{"password": "{secret}", "e": 1e400, "f": [-1E999]}}'

    assert guarded(text) == text.replace(secret, MARK)


FORMS = {
    "a doubled sign": "pip password=={} -q",
    "three quotes": 'api_key="""{}""" + x',
    "three single quotes": "api_key = '''{}''' + x",
    "on the next line": "user: ana\npassword:\n  {}\nhost: x",
    "on the next line, in quotes": 'password:\r\n\t"{}"\r\nhost: x',
    "a block of YAML": "password: >\n  {}\nhost: x",
    "a block of YAML in lines": "password: |-\n    {}\nhost: x",
    "an element of .NET": "<add key='ApiKey' value='{}'/>",
    "an element by its id": '<input id="password" type="text" value="{}">',
    "an address without a scheme": "//ana:{}@example.org/x",
    "an address without a scheme, in a text": 'src="//ana:{}@example.org/x"',
    "JSON in a cell of CSV": '7,"{{""user"":""ana"",""password"":""{}"",""n"":1}}",x',
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_value_is_found_in_forms_that_are_seldom_seen(form):
    """And nothing around it goes."""
    assert guarded(form.format(cases.word(12))) == form.format(MARK)


def test_each_line_of_a_block_is_hidden():
    """Up to the one that is no further in than the name."""
    block = f"secret: |\n  {cases.word()} a\n  {cases.word()} b\nhost: x"

    assert guarded(block) == f"secret: |\n  {MARK}\nhost: x"


@pytest.mark.parametrize(
    "text",
    [
        *("if password1==password2:", "pyjwt==2.8.0 django-otp==1.5.4", "len(token)==1024"),
        *("password:\n  required: true\n  min: 8", "PASSWORD=\nDEBUG=1", "Password\n========"),
        *("token:\n   see the docs", "// Reminder: ask ana@example.org", "ratio 16:9, token: 3"),
        *('x,"{""password"":"""",""a"":""b""}"', 'password="" token=""', "password:\n\nnext1x"),
        *("assert token==expected_token1", "https://example.org//a:b/c@d", "a // b:c d@e"),
    ],
)
def test_what_only_looks_like_such_a_form_stays(text):
    """Comparisons, versions, empty values, headings, comments."""
    data = {"a": text, "b": f"{text}\n", "c": f"x {text}"}

    assert guarded(data) == data
