"""The facts about a request, one by one."""

import hashlib
import logging

import pytest

from eventtracking import request
from eventtracking.request import CallbackVisitor, EnvironFacts, TrustedProxies, session_digest
from eventtracking.request import facts as request_facts
from eventtracking.stats import LogThrottle


def facts(environ=None, *, session=None, user=None, **headers):
    named = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    return EnvironFacts(
        lambda: {**(environ or {}), **named},
        visitor=CallbackVisitor({}, session=session, user=user),
        trusted_proxies=TrustedProxies(),
    )


def test_the_facts_are_a_mapping_of_fifteen_names():
    """Open edX has always logged ten of them."""
    assert len(request.DEFAULT_FACTS) == 10
    assert [*facts()] == [*request.FACTS]
    assert len(facts()) == 15
    assert "ip" in facts()
    assert "color" not in facts()
    with pytest.raises(KeyError):
        facts()["color"]


def test_the_facts_of_an_empty_request_are_empty():
    """The facts that Open edX logs have its empty values."""
    assert dict(facts()) == {
        **dict.fromkeys(request.FACTS, ""),
        "client_id": None,
        "campaign": {},
    }


def test_most_facts_are_variables_of_the_environ():
    """The host is the name of the server, not the Host header."""
    found = facts(
        {
            "REQUEST_METHOD": "PUT",
            "PATH_INFO": "/a/ü",
            "QUERY_STRING": "b=%20c",
            "SERVER_NAME": "lms-1",
            "REMOTE_ADDR": "203.0.113.9",
        },
        host="spoofed.example",
        user_agent="UA",
        referer="https://h/",
        accept_language="pt",
    )

    assert {name: found[name] for name in found if found[name]} == {
        "ip": "203.0.113.9",
        "host": "lms-1",
        "agent": "UA",
        "path": "/a/ü",
        "referer": "https://h/",
        "accept_language": "pt",
        "method": "PUT",
        "query": "b=%20c",
    }
    assert repr(found) == "<EnvironFacts PUT /a/ü>"


@pytest.mark.parametrize("value", ["caf\xe9 \xff", b"caf\xe9 \xff"])
def test_latin_1_headers_survive(value):
    """As text and as bytes."""
    assert facts(user_agent=value)["agent"] == "café ÿ"


@pytest.mark.parametrize(
    ("cookie", "expected"),
    [
        ("_ga=GA1.2.111.222", "111.222"),
        ("a=b; _ga=GA1.2.11.22; c=d", "11.22"),
        ('_ga="GA1.2.11.22"', "11.22"),
        ("_ga=GA1.1.11.22.33", "11.22.33"),
        ("_ga=abc", ""),
        ("_ga=", ""),
        ("_ga=GA1.2", ""),
        ("_ga=GA1.2.1.1; _ga=GA1.2.2.2", "2.2"),
        ("_ga_ABC=GS1.1.1700000000.3", None),
        ("_gat=1; x_ga=GA1.2.3.4", None),
        ("_ga", None),
        (";;= ;", None),
    ],
)
def test_the_client_id_is_the_text_after_the_second_dot_of_the_cookie(cookie, expected):
    """It is empty if the cookie is malformed, and `None` without a cookie."""
    assert facts(cookie=cookie)["client_id"] == expected


def test_without_the_cookie_the_client_id_is_in_a_header():
    """Mobile applications have no cookies. The cookie wins."""
    assert facts(x_edx_ga_client_id="9.8")["client_id"] == "9.8"
    assert facts(x_edx_ga_client_id="9.8", cookie="_ga=GA1.2.1.2")["client_id"] == "1.2"
    assert facts(x_edx_ga_client_id="9.8", cookie="_ga=abc")["client_id"] == ""


@pytest.mark.parametrize(
    ("cookie", "expected"),
    [
        ("_ga_ABC123=GS1.1.1700000000.3.1.1700000100.0.0.0", "1700000000"),
        ("_ga_ABC123=GS2.1.s1700000000$o3$g1$t1700000100$j60$l0$h0", "1700000000"),
        ("_ga=GA1.2.1.2; _ga_A=nonsense; _ga_B=GS1.1.5", "5"),
        ("_ga_A=GS1.1", ""),
        ("_ga_A=GS2.1.o3$s17", ""),
        ("_ga_A=GS1.1.17x.3", ""),
        ("_ga=GS1.1.5", ""),
    ],
)
def test_the_google_analytics_session_is_in_the_cookie_of_ga4(cookie, expected):
    """In both formats of the cookie."""
    assert facts(cookie=cookie)["ga_session_id"] == expected


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("request_id", "traceparent", "expected"),
    [
        ("abc-123", "", "abc-123"),
        ("a" * 128, "", "a" * 128),
        ("a" * 129, "", ""),
        ("two words", "", ""),
        ("<script>", "", ""),
        ("new\nline", "", ""),
        ("abc\n", "", ""),
        ("ünïcode", "", ""),
        ("abc-123", f"00-{TRACE}-00f067aa0ba902b7-01", "abc-123"),
        ("two words", f"00-{TRACE}-00f067aa0ba902b7-01", TRACE),
        ("", f"00-{TRACE}-00f067aa0ba902b7-01", TRACE),
        ("", f"cc-{TRACE}-00f067aa0ba902b7-01-something-new", TRACE),
        ("", f"00-{TRACE}-00f067aa0ba902b7-01-more", ""),
        ("", f"ff-{TRACE}-00f067aa0ba902b7-01", ""),
        ("", f"00-{'0' * 32}-00f067aa0ba902b7-01", ""),
        ("", f"00-{TRACE}-{'0' * 16}-01", ""),
        ("", f"00-{TRACE.upper()}-00f067aa0ba902b7-01", ""),
        ("", f"00-{TRACE}-00f067aa0ba902b7", ""),
        ("", "nonsense", ""),
    ],
)
def test_only_a_valid_request_id_is_used(request_id, traceparent, expected):
    """A client may have written it, and it is logged."""
    assert facts(x_request_id=request_id, traceparent=traceparent)["request_id"] == expected


def test_a_campaign_is_the_utm_parameters_without_their_prefix():
    """The first parameter of each name counts, and empty ones are left out."""
    query = "utm_source=mail&x=1&utm_medium=a%20b+c&utm_source=other&utm_=1&utm_term=&autm_x=2"

    assert facts({"QUERY_STRING": query})["campaign"] == {"source": "mail", "medium": "a b c"}


def test_a_changed_campaign_does_not_affect_the_next_event():
    """Each event gets its own mapping."""
    found = facts({"QUERY_STRING": "utm_source=mail"})
    found["campaign"]["source"] = "changed"

    assert found["campaign"] == {"source": "mail"}


def test_the_digest_of_a_session_has_32_digits():
    """It is SHAKE-128 of the secret and the key, as in Open edX."""
    expected = hashlib.shake_128(b"secret\xc3\xbckey").hexdigest(16)

    assert session_digest("secretü", "key") == expected
    assert session_digest("secretü".encode(), b"key") == expected
    assert len(expected) == 32
    assert session_digest("secret", "") == ""


def test_nothing_is_read_before_it_is_needed_and_nothing_twice():
    """This holds for the environ, the session and the user."""
    calls = []
    found = EnvironFacts(
        lambda: calls.append("environ") or {"HTTP_COOKIE": "_ga=GA1.2.1.2"},
        visitor=CallbackVisitor(
            None,
            session=lambda _: calls.append("session") or "s",
            user=lambda _: calls.append("user") or (7, "ana"),
        ),
        trusted_proxies=TrustedProxies(),
    )
    assert calls == []

    assert [dict(found), dict(found)][1]["username"] == "ana"
    assert sorted(calls) == ["environ", "session", "user"]


def test_a_user_who_is_not_known_yet_is_read_again():
    """Users log in while a request runs."""
    known = {}
    found = facts(
        session=lambda _: known.get("session"), user=lambda _: known.get("user", (None, ""))
    )
    before = found["session"], found["user_id"], found["username"]
    known.update(session="s", user=(7, "ana"))
    after = found["session"], found["user_id"], found["username"]

    assert (before, after) == (("", None, ""), ("s", 7, "ana"))


def test_a_fact_that_cannot_be_determined_is_empty_and_logged_once(caplog, monkeypatch):
    """The other facts are not affected, and the log is not flooded."""
    monkeypatch.setattr(request_facts, "_throttle", LogThrottle())
    calls = []

    def broken(_):
        calls.append(1)
        raise OSError("no database")

    found = facts({"PATH_INFO": "/p", "REMOTE_ADDR": 5}, session=broken, user=broken)
    with caplog.at_level(logging.WARNING):
        seen = [dict(found) for _ in range(3)][-1]

    assert (seen["session"], seen["user_id"], seen["username"], seen["ip"]) == ("", "", "", "")
    assert seen["path"] == "/p"
    assert len(calls) == 2
    assert sorted(record.args[0] for record in caplog.records) == ["ip", "session", "user_id"]
    assert "no database" in caplog.text


@pytest.mark.parametrize("user", [None, (), "", ("", "")])
def test_the_user_may_be_unknown(user):
    """The function may return any empty value."""
    found = facts(user=lambda _: user)

    assert (found["user_id"], found["username"]) == ("", "")
