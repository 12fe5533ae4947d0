"""
Labelled data: secrets that a guard must hide, and harmless values that it must keep.

Every secret is generated when the tests run: this file contains none, and nothing like one.
"""

from __future__ import annotations

import base64
import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode
from uuid import UUID

LETTERS = "abcdefghijklmnopqrstuvwxyz"
DIGITS = "0123456789"
MIXED = LETTERS + LETTERS.upper() + DIGITS

_random = random.Random(20261123)


class Case(NamedTuple):
    """Data with a secret: the texts that must be gone afterwards, and those that must remain."""

    label: str
    data: Any
    gone: tuple[str, ...]
    kept: tuple[str, ...] = ()
    is_hard: bool = False


def some(length, alphabet=MIXED):
    """Return a random text with at least one digit, lower-case and upper-case letter."""
    while True:
        text = "".join(_random.choices(alphabet, k=length))
        wanted = [kind for kind in (LETTERS, LETTERS.upper(), DIGITS) if {*kind} & {*alphabet}]
        if length < 4 or all({*kind} & {*text} for kind in wanted):
            return text


def hexadecimal(length):
    return some(length, DIGITS + "abcdef")


def word(length=9):
    """Return a password as people choose them: letters, then digits."""
    return some(length - 2, LETTERS).capitalize() + some(2, DIGITS)


def base64_of(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def web_token():
    claims = {"sub": "ana", "exp": 1764000000, "jti": some(8)}
    return f"{base64_of({'alg': 'HS256', 'typ': 'JWT'})}.{base64_of(claims)}.{some(43)}"


def luhn_digit(digits):
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (2 if place % 2 == 0 else 1)
        total += number - 9 if number > 9 else number
    return str(-total % 10)


def card(prefix="4", length=16):
    """Return a valid card number with the prefix of an issuer."""
    digits = prefix + some(length - len(prefix) - 1, DIGITS)
    return digits + luhn_digit(digits)


def grouped(digits, sizes, separator=" "):
    groups, at = [], 0
    for size in sizes:
        groups.append(digits[at : at + size])
        at += size
    return separator.join(groups)


def pem(kind="RSA PRIVATE KEY", lines=4, newline="\n"):
    dashes = "-" * 5
    body = newline.join(some(64) for _ in range(lines))
    return f"{dashes}BEGIN {kind}{dashes}{newline}{body}{newline}{dashes}END {kind}{dashes}"


def basic(user="ana", password=None):
    return base64.b64encode(f"{user}:{password or word()}".encode()).decode()


def iban(country="DE", digits=18):
    account = some(digits, DIGITS)
    letters = "".join(str(int(letter, 36)) for letter in account + country + "00")
    return f"{country}{98 - int(letters) % 97:02}{account}"


def full_width(text):
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


def vendor_tokens():
    """Yield the names of well-known services, each with a token of it."""
    yield "AWS key id", "AK" + "IA" + some(16, LETTERS.upper() + "234567")
    yield "AWS session key id", "AS" + "IA" + some(16, LETTERS.upper() + "234567")
    for kind in "pousr":
        yield f"GitHub gh{kind}", f"gh{kind}" + "_" + some(36)
    yield "GitHub fine-grained", "github" + "_pat_" + some(22) + "_" + some(59)
    yield "GitLab", "glp" + "at-" + some(20)
    yield "Slack bot", "xox" + "b-" + some(12, DIGITS) + "-" + some(12, DIGITS) + "-" + some(24)
    yield "Slack user", "xox" + "p-" + some(12, DIGITS) + "-" + some(32, DIGITS + "abcdef")
    yield "Stripe live", "sk_" + "live_" + some(24)
    yield "Stripe test", "sk_" + "test_" + some(24)
    yield "Stripe restricted", "rk_" + "live_" + some(24)
    yield "Google API key", "AI" + "za" + some(35)
    yield "Google OAuth", "ya" + "29." + some(60)
    yield "PyPI", "py" + "pi-" + some(80)
    yield "npm", "npm" + "_" + some(36)
    yield "SendGrid", "SG" + "." + some(22) + "." + some(43)
    yield "Twilio", "SK" + hexadecimal(32)
    yield "OpenAI", "sk" + "-" + some(48)
    yield "OpenAI project", "sk" + "-proj-" + some(60)
    yield "Anthropic", "sk" + "-ant-api03-" + some(90)
    yield "Hugging Face", "hf" + "_" + some(34)
    yield "Shopify", "shp" + "at_" + hexadecimal(32)
    yield "DigitalOcean", "dop" + "_v1_" + hexadecimal(64)
    yield "Telegram bot", some(10, "123456789") + ":" + "AA" + some(33)
    yield "Mailgun", "key" + "-" + hexadecimal(32)
    yield "Mailchimp", hexadecimal(32) + "-us" + "14"
    yield "Atlassian", "ATA" + "TT3" + some(60)
    yield "Azure client secret", some(3) + "8Q~" + some(34)
    yield "Vault", "hvs" + "." + some(24)
    yield "Linear", "lin" + "_api_" + some(40)
    yield "Discord", "M" + some(23) + "." + some(6) + "." + some(27)
    yield "web token", web_token()


def by_key():
    """Yield secrets that the name of their field reveals."""
    names = [
        *("password", "passwd", "pwd", "pass_phrase", "passphrase", "secret", "client_secret"),
        *("token", "access_token", "accessToken", "refresh-token", "API_KEY", "apiKey", "apikey"),
        *("x-api-key", "X-Api-Key", "HTTP_X_API_KEY", "api.key", "Api Key", "APIKey", "api_key_2"),
        *("Authorization", "HTTP_AUTHORIZATION", "proxy-authorization", "Cookie", "Set-Cookie"),
        *("HTTP_COOKIE", "sessionid", "PHPSESSID", "JSESSIONID", "connect.sid", "session_key"),
        *("csrftoken", "csrfmiddlewaretoken", "X-CSRFToken", "XSRF-TOKEN", "credentials"),
        *("private_key", "privateKey", "ssh_key", "signing-key", "AWS_SECRET_ACCESS_KEY"),
        *("SecretAccessKey", "DJANGO_SECRET_KEY", "otp", "one_time_code", "verification_code"),
        *("mfa_code", "cvv", "cvc", "CVV2", "card_cvv", "cardNumber", "card-number", "cc_number"),
        *("dbPassword", "DB_PASSWORD", "user.password", "new_password", "password2", "password1"),
        *("passwordConfirmation", "old password", "auth_token", "id_token", "jwt", "bearer_token"),
        *("encryption_key", "master.key", "webhook_secret", "oauth_token_secret", "session_token"),
        *("backup_code", "security_code", "db_pass", "api_secret", "APISECRET", "stripe_api_key"),
        *("refreshtoken", "ACCESSTOKEN", "userpassword", "mysqlPwd", "jwt_token", "csrf", "xsrf"),
    ]
    for name in names:
        secret = word(12)
        yield Case(f"key {name}", {name: secret, "page": 3}, (secret,), ("page",))
    pin, code = some(4, "123456789"), some(6, "123456789")
    yield Case("pin as a text", {"pin": pin}, (pin,))
    yield Case("pin as a number", {"pin": int(pin), "ok": 1}, (pin,))
    yield Case("one-time code as a number", {"otp": int(code)}, (code,))
    yield Case("password as a number", {"password": int(code)}, (code,))
    secret = word()
    yield Case("deep", {"a": [{"b": {"c": [{"Password": secret}]}}]}, (secret,), ("a", "c"))
    yield Case("a list of secrets", {"tokens": [some(24), "x"], "api_keys": [secret]}, (secret,))
    user, secret = word(), word()
    yield Case(
        "whole container", {"credentials": {"u": user, "p": [secret]}}, (user, secret), ("p",)
    )


def unusual_names():
    """Yield secrets under sensitive names in unusual spellings."""
    names = {
        "full width": full_width("password"),
        "zero width": "pass\u200bword",
        "soft hyphen": "api\u00ad_key",
        "byte order mark": "\ufefftoken",
        "Spanish": "contrase\u00f1a",
        "Spanish, decomposed": "contrasen\u0303a",
        "Russian": "\u043f\u0430\u0440\u043e\u043b\u044c",
        "Chinese": "\u5bc6\u7801",
        "Japanese": "\u30d1\u30b9\u30ef\u30fc\u30c9",
        "German": "Passwort",
        "French": "mot_de_passe",
        "Portuguese": "senha",
        "percent-encoded": "user%5Bpassword%5D",
        "brackets": "user[password]",
        "path": "/data/user/api-key",
        "capitals": "USERPASSWORD",
        "with a number in it": "oauth2AccessToken1",
        "two spaces": "API  KEY",
        "split": "passWord",
        "environment": "REDISCLI_AUTH",
        "wrapped": "__secret__",
        "production": "STRIPE_API_KEY_PROD",
        "value": "api_key_value",
        "mathematical letters": "".join(chr(0x1D41A + ord(c) - 97) for c in "password"),
    }
    for label, name in names.items():
        secret = word(11)
        yield Case(f"key, {label}", {name: secret, "n": 1}, (secret,), is_hard=True)
    secret = word()
    yield Case("key as bytes", {b"password": secret}, (secret,), is_hard=True)
    yield Case("value as bytes", {"password": secret.encode()}, (secret,), is_hard=True)
    yield Case("tuple under a key", {"password": (secret, None)}, (secret,), is_hard=True)


def by_value():
    """Yield secrets in a text under a harmless name."""
    for label, token in vendor_tokens():
        yield Case(f"{label} alone", {"note": token}, (token,))
        yield Case(
            f"{label} in a text", {"note": f"use {token}, please"}, (token,), ("use ", "please")
        )
    token = some(32)
    yield Case("bearer", {"header": f"Bearer {token}"}, (token,), ("Bearer",))
    yield Case("bearer in a text", {"log": f"sent bearer {token} twice"}, (token,), ("twice",))
    encoded = basic()
    yield Case("basic", {"header": f"Basic {encoded}"}, (encoded,), ("Basic",))
    secret = word()
    for scheme in ("https", "postgres", "redis", "amqp", "mongodb+srv"):
        url = f"{scheme}://ana:{secret}@db.example.org:5432/x"
        yield Case(f"password in {scheme}", {"url": url}, (secret,), ("ana:", "@db.example.org"))
    for name in (
        "access_token",
        "token",
        "api_key",
        "sig",
        "X-Amz-Signature",
        "password",
        "code_verifier_secret",
    ):
        secret = hexadecimal(40)
        url = f"https://example.org/a?page=2&{name}={secret}&next=%2Fhome"
        yield Case(f"query {name}", {"url": url}, (secret,), ("page=2", "next=%2Fhome"))
    yield Case(
        "fragment",
        {"url": f"https://example.org/#id_token={secret}&state=x"},
        (secret,),
        ("state=x",),
    )
    block = pem()
    yield Case("PEM", {"file": f"here: {block} end"}, (block[40:80],), ("here:", " end"))
    yield Case("PEM of an OpenSSH key", {"file": pem("OPENSSH PRIVATE KEY")}, ("BEGIN",))
    brands = [
        ("4", 16),
        ("51", 16),
        ("2221", 16),
        ("34", 15),
        ("37", 15),
        ("6011", 16),
        ("3530", 16),
    ]
    for prefix, length in brands:
        number = card(prefix, length)
        yield Case(f"card {prefix}", {"note": f"paid with {number}."}, (number,), ("paid with",))
        yield Case(f"card {prefix} as a number", {"n": int(number)}, (number,))
    number = card()
    for separator in (" ", "-", ".", "/", "_"):
        text = grouped(number, (4, 4, 4, 4), separator)
        yield Case(
            f"card grouped by {separator!r}",
            {"note": f"no: {text} ok"},
            (text, separator.join((number[4:8], number[8:12]))),
            ("ok",),
        )
    secret = word()
    document = json.dumps({"user": "ana", "password": secret, "n": 1.5})
    yield Case("JSON in a text", {"event": document}, (secret,), ("ana", "1.5"))
    twice = json.dumps({"body": document})
    yield Case("JSON in JSON", {"event": twice}, (secret,), ("ana",))
    body = urlencode({"username": "ana", "password": secret, "next": "/home page"})
    yield Case("a form", {"body": body}, (secret,), ("username=ana", "next="))
    yield Case("key=value", {"log": f"user=ana password={secret} retry=3"}, (secret,), ("retry=3",))
    yield Case(
        "a header", {"log": f"X-Api-Key: {secret}\nAccept: text/html"}, (secret,), ("text/html",)
    )
    cookies = f"a=1; sessionid={some(32)}; csrftoken={some(32)}"
    yield Case(
        "a header of cookies",
        {"log": f"Cookie: {cookies}\r\nHost: x"},
        (cookies[5:40],),
        ("Host: x",),
    )
    yield Case(
        "a pair",
        {"headers": [["Authorization", f"Token {token}"], ["Accept", "*/*"]]},
        (token,),
        ("*/*",),
    )
    yield Case("a tuple", {"header": ("X-Api-Key", secret)}, (secret,))
    yield Case(
        "named value",
        {"f": [{"name": "password", "value": secret}, {"name": "a", "value": "b"}]},
        (secret,),
        ("b",),
    )
    yield Case("key and value", {"f": {"key": "api_key", "value": secret}}, (secret,))


def hard_case(label, data, *gone, kept=()):
    return Case(label, data, gone, tuple(kept), is_hard=True)


def unusual_cards():
    """Yield card numbers in unusual notations."""
    number, amex = card(), card("37", 15)
    fours = grouped(number, (4, 4, 4, 4))
    notations = {
        "in pairs": grouped(number, (2,) * 8),
        "digit by digit": " ".join(number),
        "in full width": full_width(number),
        "in Arabic digits": "".join(chr(0x660 + int(digit)) for digit in number),
        "with zero width": "\u200b".join(number),
        "with hard spaces": fours.replace(" ", "\u00a0"),
        "with wide gaps": fours.replace(" ", "  "),
        "with loose dashes": fours.replace(" ", " - "),
        "with long dashes": fours.replace(" ", "\u2013"),
        "with commas": fours.replace(" ", ","),
        "with entities": fours.replace(" ", "&nbsp;"),
        "of 4-6-5": grouped(amex, (4, 6, 5), "-"),
    }
    for label, text in notations.items():
        yield hard_case(f"card {label}", {"n": f"x {text} y"}, text, kept=["x ", " y"])
    plus = fours.replace(" ", "+")
    yield hard_case("card in a form", {"x": f"number={plus}&exp=12"}, plus, kept=["exp=12"])
    yield hard_case("card next to numbers", {"n": f"12 {fours} 123"}, fours, kept=["12 "])
    yield hard_case("card in a line of CSV", {"n": f"17,{number},123,12/29"}, number, kept=["17,"])
    yield hard_case("card in a path", {"n": f"/pay/{number}/ok"}, number, kept=["/pay/", "/ok"])
    yield hard_case("card as a name", {number: 1}, number)
    yield hard_case("card as a numeric name", {int(number): 1}, number)
    yield hard_case("card as a decimal", {"n": Decimal(number)}, number)
    yield hard_case("card as bytes", {"n": number.encode()}, number)
    yield hard_case("card on a track", {"n": f"%B{number}^DOE/ANA^2912101?"}, number)
    yield hard_case("card in lines", {"n": fours.replace(" ", "\n")}, f"{number[4:8]}\\n")
    yield hard_case("card in a list", {"card_number": fours.split()}, f'"{number[4:8]}"')


# <S> stands for a password, <T> for a token. The texts after the first must be kept.
UNUSUAL_TEXTS = {
    "JSON cut short": ('{"user":"ana","password":"<S>","em', "ana"),
    "JSON cut short in the secret": ('{"user":"ana","password":"<S>', "ana"),
    "JSON in a log line": ('POST {"credentials": {"u": "<S>"}} 200', "POST", " 200"),
    "JSON with a duplicate key": ('{"password": "<S>", "password": ""}',),
    "JSON with an escaped name": ('{"p\\u0061ssword": "<S>"}',),
    "HTML entities": ("{&quot;password&quot;:&quot;<S>&quot;}",),
    "escaped JSON in a log": ('body="{\\"password\\":\\"<S>\\",\\"a\\":1}" ok', " ok"),
    "percent-encoded URL": ("next=https%3A%2F%2Fa.org%2F%3Ftoken%3D<S>%26b%3D1", "b%3D1"),
    "percent-encoded twice": (
        "https://b.org/?next=https%253A%252F%252Fa.org%252F%253Ftoken%253D<S>",
    ),
    "JSON in a form": ("payload=%7B%22password%22%3A+%22<S>%22%7D", "%7D"),
    "percent-encoded name": ("pass%77ord=<S>&a=1", "a=1"),
    "brackets": ("user[name]=ana&user[password]=<S>", "ana"),
    "encoded brackets": ("user%5Bname%5D=ana&user%5Bpassword%5D=<S>", "ana"),
    "XML": ("<in><user>ana</user><password><S></password></in>", "ana", "</password>"),
    "an input field": ('<input type="hidden" name="csrf_token" value="<T>">', "csrf_token"),
    "multipart": ('--x\r\nContent-Disposition: form-data; name="password"\r\n\r\n<S>\r\n--x--',),
    "a command line": ("mysql --user ana --password <S> db", "ana", " db"),
    "a command line in a form": ("q=mysql+--password+<S>+db", "+db"),
    "curl": ("curl -u ana:<S> https://a.org", "https://a.org"),
    "curl with a header": ("curl -H 'Authorization: Bearer <T>' https://a.org", "https://a.org"),
    "a sentence": ("My password is <S>, do not tell", "do not tell"),
    "words with a colon": ("API key: <S> (old)", "(old)"),
    "YAML": ("db:\n  user: ana\n  password: <S>\n  port: 5432", "5432"),
    "a connection string": ("Server=db;Uid=ana;Pwd=<S>;Port=1", "Server=db", "Port=1"),
    "Azure's connection string": ("AccountName=a;AccountKey=<T>==;Suffix=b", "Suffix=b"),
    "SAS": ("https://a.org/b?sv=2022&sp=r&sig=<T>%3D&se=1", "sp=r", "se=1"),
    "Google's signed URL": ("https://a.org/b?X-Goog-Signature=<T>", "a.org"),
    "CloudFront": ("https://a.org/v?Expires=1&Signature=<T>~-_&Key-Pair-Id=K1", "Expires=1"),
    "token as the user of a URL": ("https://<T>@git.example.org/a.git", "git.example.org"),
    "a URL in a query": ("https://a.org/?next=https://ana:<S>@b.org/x&a=1", "@b.org/x"),
    "password with a slash": ("postgres://ana:<S>/<S>@db/x", "@db/x"),
    "password with an at sign": ("redis://:<S>@<S>@db:6379/0", "@db:6379"),
    "Go's connection string": ("ana:<S>@tcp(localhost:3306)/db", "@tcp(localhost"),
    "a session in a path": ("/a.jsp;jsessionid=<T>?x=1", "?x=1"),
    "a link to reset a password": (
        "/password_reset_confirm/3d-5ab-<T>/",
        "/password_reset_confirm/",
    ),
    "a link to activate": ("https://a.org/activate/<T>", "/activate/"),
    "Slack's web hook": ("https://hooks.slack.com/services/T0/B0/<T>",),
    "after 20 kB": ("lorem ipsum " * 1700 + "password=<S>", "lorem"),
    "token after 20 kB": ("lorem ipsum " * 1700 + "ghp" + "_<T>", "lorem"),
    "an arrow": ("password -> <S>", "password"),
    "a table": ("| password | <S> | yes |", "yes"),
    "a list of variables": ("- name: DB_PASSWORD\n  value: <S>\n", "DB_PASSWORD"),
    "a wide colon": ("password\uff1a<S>", "password"),
    "AWS pair": ("aws_access_key_id=x aws_secret_access_key=<T>", "aws_access_key_id=x"),
}


def unusual_texts():
    """Yield texts of unusual formats that contain a secret."""
    for label, (text, *kept) in UNUSUAL_TEXTS.items():
        secret, token = word(11), some(40)
        filled = text.replace("<S>", secret).replace("<T>", token)
        yield hard_case(label, {"x": filled}, token if "<T>" in text else secret, kept=kept)
    document = json.dumps({"api_key": secret})
    for _ in range(3):
        document = json.dumps({"a": document})
    yield hard_case("JSON four deep", {"x": document}, secret)
    yield hard_case("JSON as a JSON string", {"x": json.dumps(document)}, secret)
    yield hard_case("pairs in JSON", {"x": json.dumps([["Cookie", f"a={secret}"]])}, secret)
    named = {"name": "password", "value": secret}
    yield hard_case("named value in JSON", {"x": json.dumps(named)}, secret)
    shown = repr({"user": "ana", "password": secret})
    yield hard_case("Python's repr", {"x": shown}, secret, kept=["ana"])
    code = some(6, DIGITS)
    yield hard_case(
        "a code in a sentence", {"x": f"Your verification code is {code}."}, code, kept=["Your"]
    )
    yield hard_case(
        "a web token in a URL", {"x": f"https://a.org/s/{web_token()}/x"}, "eyJ", kept=["/x"]
    )
    yield hard_case("PEM in one line", {"x": pem(newline="\\n")}, "BEGIN")
    yield hard_case("PEM cut short", {"x": pem(lines=8)[:300]}, "BEGIN")
    end = pem(lines=8)[100:]
    yield hard_case("PEM without a beginning", {"x": end}, end[:50])
    spread = "\u200b".join(token)
    yield hard_case("a token with zero width", {"x": f"ghp_{spread}"}, spread)


def unusual_objects():
    """Yield secrets in unusual types of objects, and in unusual places of common ones."""
    secret, token = word(11), some(40)
    text = f"token={secret}"
    data = b"\xff\xfe" + f"password={secret}".encode()
    yield hard_case("bytes", {"x": text.encode()}, secret)
    yield hard_case("bytes that are not UTF-8", {"x": data}, base64.b64encode(data).decode())
    yield hard_case("a name that contains a value", {f"password={secret}": 1}, secret)
    yield hard_case("a token as a name", {"ghp" + "_" + token: {"n": 1}}, token)
    yield hard_case("a set", {"x": {text, "b"}}, secret)
    yield hard_case("a mapping", {"x": MappingProxyType({"password": secret})}, secret)
    yield hard_case("a dataclass", {"x": Login("ana", secret)}, secret, kept=["ana"])
    yield hard_case("a lazy text", {"x": Lazy(text)}, secret)
    yield hard_case(
        "a header as bytes", {"x": [(b"authorization", f"Token {secret}".encode())]}, secret
    )
    yield hard_case("changed setting", {"setting": "password", "old": None, "new": secret}, secret)
    yield hard_case(
        "query as lists", {"GET": {"token": [secret], "page": ["2"]}}, secret, kept=["2"]
    )
    arguments = ["mysql", "--password", secret, "db"]
    yield hard_case("arguments", {"argv": arguments}, secret, kept=["db"])
    joined = ["mysql", f"--password={secret}"]
    yield hard_case("argument with a value", {"argv": joined}, secret, kept=["--password="])


@dataclass
class Login:
    user: str
    password: str


class Lazy:
    """A text that is computed when it is read."""

    def __init__(self, text):
        self._text = text

    def __str__(self):
        return self._text


BLOCK = "block-v1:ExampleX+CS101+2026_T3+type@problem+block@" + "0f3c5f6e7a8b9c0d1e2f3a4b5c6d7e8f"


def harmless():
    """Yield the labels and data of events without a secret, which must not change."""
    named = {
        "author": "Ana",
        "authors": ["Ana", "Bo"],
        "passenger": "Ana",
        "compass": "north",
        "passage": "Luke 2",
        "passing_grade": 0.6,
        "passed": True,
        "pass_rate": 0.4,
        "bypass": "yes",
        "token_count": 512,
        "max_tokens": 4096,
        "tokens": 17,
        "total_tokens": 512,
        "keyboard": "qwerty",
        "key": "Enter",
        "keyCode": 13,
        "keys": ["a", "b"],
        "primary_key": 7,
        "foreign_key": "course_id",
        "usage_key": BLOCK,
        "course_key": "course-v1:A+B+C",
        "cache_key": "views.decorators.cache",
        "pinned": True,
        "is_pinned": "no",
        "pin": "left",
        "spin": 3,
        "shipping": "fast",
        "opinion": "good",
        "password_changed_at": "2026-11-23T10:00:00Z",
        "has_password": "yes",
        "password_strength": "weak",
        "password_length": 12,
        "password_policy": "strict",
        "password_reset": "requested",
        "password_required": "true",
        "password_reset_url": "/password_reset/",
        "cookie_policy": "accepted",
        "cookie_consent": "all",
        "cookies_enabled": "yes",
        "secretary": "Bo",
        "secretariat": "Geneva",
        "tokenizer": "bpe",
        "tokenize": "words",
        "token_type": "bearer",
        "token_expires_at": 1764000000,
        "auth_method": "ldap",
        "auth_provider": "google-oauth2",
        "authenticated": "yes",
        "authority": "EU",
        "authored_by": 12,
        "authentication_backend": "django",
        "auth": "ldap",
        "card_type": "visa",
        "card_last4": "4242",
        "cardinality": 4,
        "dashboard": "main",
        "discard": "all",
        "cc": "team",
        "accept": "text/html",
        "Accept": "*/*",
        "Accept-Language": "pt-BR,pt;q=0.9",
        "Accept-Encoding": "gzip, deflate, br",
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64)",
        "session_count": 3,
        "session_duration": 1200,
        "session_start": "2026-11-23",
        "code": "404",
        "country_code": "BR",
        "status_code": 200,
        "error_code": "E1001",
        "zip_code": "20040-020",
        "course_code": "CS101",
        "language_code": "pt-br",
        "coupon_code": "SUMMER26",
        "signature": "Ana Example",
        "design": "x",
        "assignment": "hw1",
        "signal": "SIGTERM",
        "certificate": "honor",
        "credential_type": "verified",
        "secret_expires_at": "2027-01-01",
        "next_page_token": "CAUQAA",
        "public_key": "ok",
        "api_key_id": "12",
        "hotkey": "ctrl+s",
        "monkey": "business",
        "donkey": 1,
        "turkey": "TR",
        "keyword": "python",
        "keyframes": 12,
        "otpauth_enabled": "no",
        "hash": "9b74c9897bac770ffc029102a200c5de",
        "ga_session_id": "1764000000",
        "password": None,
        "token": "",
        "secret": False,
        "api_key": "********",
        "pwd_expiry_days": 90,
        "cvv_present": "yes",
        "csrf_failure_count": 3,
        "spam_score": 0.1,
        "jwt_algorithm": "RS256",
    }
    for name, value in named.items():
        yield f"name {name}", {name: value, "n": 1}
    texts = {
        "course key": "course-v1:MITx+6.00.1x+2T2026",
        "usage key": BLOCK,
        "old usage key": "i4x://MITx/6.00x/problem/" + "b" * 32,
        "asset": "asset-v1:ExampleX+CS101+2026+type@asset+block@handout_1.pdf",
        "uuid": "41111111-1111-4111-8111-111111111111",
        "uuid with digits": "55005500-0055-4500-8550-055005500550",
        "sha1": "4111111111111111aaaabbbbccccddddeeeeffff",
        "git sha": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "md5": "d41d8cd98f00b204e9800998ecf8427e",
        "isbn": "978-3-16-148410-0",
        "isbn plain": "9783161484100",
        "phone": "+55 21 99999-8888",
        "phone us": "(415) 555-2671",
        "time": "2026-11-23T10:11:12.123456+00:00",
        "milliseconds": "1764000000123",
        "video position": "00:12:34.567",
        "float": "4111111111.111111",
        "long float": "0.4111111111111111",
        "version": "2026.11.23-1a2b3c4d",
        "client id": "1162820436.1749482504",
        "answer": "input_" + "a1b2c3d4" * 4 + "_2_1=choice_3",
        "css": "a:hover{color:#fff;background:url(x.png)} .key{margin:0}",
        "python": "def f(password):\n    return check(password)\n",
        "python loop": "for key, value in items.items():\n    print(key, value)",
        "python input": 'password = input("Password: ")\ntoken = tokens[0]',
        "python call": "secret = random.randint(1, 10)",
        "python types": "def login(password: str, token: Optional[str] = None) -> bool: ...",
        "javascript": "const token = getToken(); if (key === 'Enter') { submit(); }",
        "sql": "SELECT password FROM users WHERE id = 1",
        "token bucket": "The token bucket refills at a rate of 5 tokens per second.",
        "password reset": "A password reset was requested for your account",
        "help": "Forgot your password? Please enter a new password: it must have 8 characters.",
        "password rules": "password: must be at least 8 characters",
        "bearer of news": "Bearer of bad news, and the bearer authentication scheme",
        "basic": "Basic Mathematics and basic skills101 for all",
        "token words": "Token economy and tokenization",
        "secret garden": "The Secret Garden: a novel by F. H. Burnett",
        "cookies": "We use cookies: see our cookie policy.",
        "data url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
        "agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15",
        "referer": "https://learn.example.org/courses/course-v1:A+B+C/about?utm_source=mail&utm_campaign=fall_2026&page=2",
        "mail link": "mailto:bob@example.org",
        "ssh": "git@github.com:openedx/event-tracking.git",
        "npm": "lodash@4.17.21",
        "handle": "https://social.example.org/@ana",
        "port": "http://localhost:18000/@fs/x",
        "path": "C:\\new\\table\\users.txt",
        "latex": "\\frac{a}{b} = \\rho \\cdot \\theta_{key}",
        "equation": "x=1, y=2; z = x + y",
        "json": '{"a": [1, 2.50, "x"],  "b": null}',
        "invalid json": "{ 'a' : 1 }",
        "percent": "100%25 sure, 50%",
        "encoded": "a%20b%3Dc",
        "essay": "The author, a passenger on a ship, kept his compass. " * 40,
        "range": "0-499/1000",
        "list": "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
        "product": "SKU-4111-22",
        "order": "order-4111111111111112",
        "amount": "1,234,567,890,123.00",
        "pi": "3.14159265358979323846264338327950288",
        "coordinates": "-22.906847, -43.172896",
        "ip": "203.0.113.9",
        "ipv6": "2001:db8::1",
        "tex": "\\begin{equation} a = b \\end{equation}",
        "certificate url": "/certificates/" + "a1" * 16,
        "regex": r"^[\w.-]+@[\w-]+\.\w+$",
        "sorting": "sort=-created&order=asc&key=name",
        "search": "q=forgot+password&page=1",
        "placeholder": "password=${DB_PASSWORD} token=<token>",
        "turkish": "İstanbul'da öğrenci",
        "chinese": "学习编程\uff0c第3章",
        "emoji": "👩‍🎓 passed!",
        "arabic": "مرحبا ٣",
        "slug": "introduction-to-computer-science-with-python-3",
        "state": "state=open&code=BR",
        "nested": json.dumps({"a": json.dumps({"b": 1})}),
        "mongo id": "507f1f77bcf86cd799439011",
        "etag": 'W/"0815-abcdef"',
        "timer": "12:30:45",
    }
    for label, text in texts.items():
        yield f"text {label}", {"value": text, "list": [text]}
    yield (
        "video",
        {"id": "v1", "code": "hls", "currentTime": 12.345, "speed": "1.5", "duration": 411.111},
    )
    yield (
        "numbers",
        {
            "a": 4111111111111112,
            "b": 4111111111111111.5,
            "c": 2**63,
            "d": -(10**15),
            "e": float("inf"),
        },
    )
    yield (
        "kinds",
        {
            "a": UUID(int=5),
            "b": datetime(2026, 1, 1, tzinfo=UTC),
            "c": Decimal("1.50"),
            "d": (1, "a"),
            "e": {1, 2},
            "f": b"ab",
        },
    )
    yield (
        "pairs",
        {
            "a": ["name", "value"],
            "b": [["a", "b"], ["c", "d"]],
            "c": ["password", "email"],
            "d": {"name": "color", "value": "red"},
        },
    )
    yield (
        "problem",
        {
            "problem_id": BLOCK,
            "answers": {BLOCK[-32:] + "_2_1": "choice_1"},
            "state": {"seed": 1, "done": None},
            "attempts": 2,
        },
    )


def personal():
    """Yield personal data, which a guard hides on request only."""

    def case(label, text, gone, *kept):
        return Case(label, {"x": text}, (gone,), kept)

    email = "ana." + LETTERS[:4] + "@" + "example.org"
    yield case("e-mail", f"write to {email}.", email, "write to")
    yield case(
        "e-mail in a URL",
        f"https://a.org/?email={quote(email, '')}&b=1",
        email.split("@")[0],
        "email=",
        "b=1",
    )
    yield case("e-mail with a name", f"Ana <{email}>", email, "Ana")
    account = iban()
    yield case("bank account", f"to {account} please", account, "to ", "please")
    spaced = grouped(account, (4, 4, 4, 4, 4, 2))
    yield case("bank account in groups", f"IBAN {spaced}, thanks", spaced, "thanks")
    number = "-".join(("1" + some(2, "23456"), "45", some(4, "6789")))
    yield case("social security number", f"SSN {number}", number)
    yield case("address", "from 203.0.113.9 port 1", "203.0.113.9", "port 1")
    yield case("address in a URL", "http://203.0.113.9:80/x", "203.0.113.9", ":80/x")
    yield case(
        "IPv6 address",
        "from 2001:db8:85a3::8a2e:370:7334 on",
        "2001:db8:85a3::8a2e:370:7334",
        " on",
    )
    yield case("address of this machine", "at ::1 now", "::1")


def not_personal():
    """Yield the labels and texts of data that looks personal and is not."""
    yield "usage key", BLOCK
    yield "asset key", "asset-v1:ExampleX+CS101+2026+type@asset+block@cover.page.png"
    yield "version", "version 1.2.3.4 of the app, v10.0.0.1, Chrome/156.0.0.0 Safari/537.36"
    yield "SSH remote", "git@github.com:openedx/event-tracking.git"
    yield "package", "lodash@4.17.21 and @types/node"
    yield "retina", "logo@2x.png"
    yield "time", "12:30:45 and 01:02"
    yield "scope", "std::vector<int> and a::b"
    yield "hardware address", "00:1a:2b:3c:4d:5e"
    yield "not a bank account", "GB00 WEST 1234 5698 7654 32"
    yield "not a social security number", "000-12-3456 and 2026-11-23"
    yield "dots", "chapter 1.2.3.4 and 1.3.6.1.4.1"


def secrets():
    """Return every case with a secret."""
    easy = [*by_key(), *by_value()]
    return [*easy, *unusual_names(), *unusual_cards(), *unusual_texts(), *unusual_objects()]
