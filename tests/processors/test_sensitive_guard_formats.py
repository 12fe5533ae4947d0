"""Secrets in rare formats, and harmless data that resembles them."""

from collections import namedtuple

import pytest
import secret_cases as cases

from eventtracking.processors.sensitive_guard import SensitiveFieldGuard

MARK = "[redacted]"


def guarded(data, **options):
    event = {"name": "a", "timestamp": None, "data": data, "context": {}}
    return SensitiveFieldGuard(**options)(event)["data"]


def test_keys_that_become_equal_are_numbered():
    """The first is the plain mark, and no value is lost."""
    # Digits only: random letters could spell a sensitive name by chance.
    tokens = {f"Bearer x{cases.some(20, cases.DIGITS)}y{n}": n for n in range(100)}

    found = guarded(tokens)

    assert [*found] == [f"Bearer {MARK}", *(f"Bearer {MARK}#{n}" for n in range(2, 101))]
    assert [*found.values()] == [*range(100)]


def test_a_key_that_already_has_a_number_is_kept():
    """The new keys skip its number."""
    first, second = ("ghp" + "_" + cases.some(36) for _ in range(2))

    found = guarded({f"{MARK}#2": 1, first: 2, second: 3})

    assert found == {f"{MARK}#2": 1, MARK: 2, f"{MARK}#3": 3}


Login = namedtuple("Login", "user password")  # noqa: PYI024
Header = namedtuple("Header", "name value line")  # noqa: PYI024
Pair = namedtuple("Pair", "first second")  # noqa: PYI024


def test_the_name_of_a_field_in_a_named_tuple_counts():
    """As it does in a dataclass or a mapping."""
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


def test_nested_named_tuples_are_walked_once():
    """Walking each level twice would take forever."""
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
    """Programs abbreviate them like this."""
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
def test_names_that_resemble_sensitive_ones_are_kept(data):
    """A verb, a lesson, a science."""
    assert guarded(data) == data


GAPS = [":", "|", "*", "\u00b7", "--", "::", "~", "#", "..", "//", "__", "\u2022", "="]


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize(("length", "sizes"), [(16, (4, 4, 4, 4)), (15, (4, 6, 5)), (16, (8, 8))])
def test_a_card_is_found_with_any_separator_between_its_groups(gap, length, sizes):
    """Any character, once or twice, if it is the same throughout."""
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
def test_times_and_addresses_are_not_cards(text):
    """The groups of a card are longer, and no other groups follow."""
    assert guarded([text, f"at {text}, or so"]) == [text, f"at {text}, or so"]


def test_words_after_the_prefix_of_a_key_are_kept():
    """They are the name of a course; a key is one long word."""
    slug, key = "sk-learn-tutorial-2026-Advanced-Topics", "sk" + "-" + cases.some(48)

    assert guarded([slug, f"see {slug}.", key, f"sk-learn-{key}"]) == [
        slug,
        f"see {slug}.",
        MARK,
        MARK,
    ]


def test_a_number_too_large_for_a_float_is_kept_in_a_json_text():
    """Written as Infinity, it would make the text invalid JSON."""
    secret = cases.word()
    text = f'{{"password": "{secret}", "e": 1e400, "f": [-1E999]}}'

    assert guarded(text) == text.replace(secret, MARK)


FORMATS = {
    "a comparison": "pip password=={} -q",
    "three quotes": 'api_key="""{}""" + x',
    "three single quotes": "api_key = '''{}''' + x",
    "on the next line": "user: ana\npassword:\n  {}\nhost: x",
    "on the next line, in quotes": 'password:\r\n\t"{}"\r\nhost: x',
    "a block of YAML": "password: >\n  {}\nhost: x",
    "a block of YAML in lines": "password: |-\n    {}\nhost: x",
    "a .NET setting": "<add key='ApiKey' value='{}'/>",
    "an element by its id": '<input id="password" type="text" value="{}">',
    "an address without a scheme": "//ana:{}@example.org/x",
    "an address without a scheme, in a text": 'src="//ana:{}@example.org/x"',
    "JSON in a cell of CSV": '7,"{{""user"":""ana"",""password"":""{}"",""n"":1}}",x',
}


@pytest.mark.parametrize("template", FORMATS.values(), ids=FORMATS)
def test_a_value_is_found_in_rare_formats(template):
    """And nothing around it changes."""
    assert guarded(template.format(cases.word(12))) == template.format(MARK)


def test_each_line_of_a_block_is_redacted():
    """Up to the first line that is not indented further than the name."""
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
def test_a_text_that_resembles_such_a_format_is_kept(text):
    """Comparisons, versions, empty values, headings, comments."""
    data = {"a": text, "b": f"{text}\n", "c": f"x {text}"}

    assert guarded(data) == data
