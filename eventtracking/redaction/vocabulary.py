"""The words of field names, and the combinations of them that make a name sensitive."""

from __future__ import annotations

from collections.abc import Callable

from eventtracking.redaction import value_tests
from eventtracking.redaction.value_tests import ValueTest
from eventtracking.redaction.wordlists import word_set

SECRET_WORDS = word_set(
    "password passwd passwrd passphrase passcode passwort passord pwd pswd psw pw "
    "idrsa iddsa idecdsa "
    "secret credential creds authorization csrf xsrf jwt otp totp hotp otc cvv cvc cvn ssn apikey "
    "apisecret mnemonic psk passw "
    "contraseña contrasenya senha motdepasse mdp kennwort wachtwoord parola şifre hasło heslo "
    "salasana lösenord adgangskode jelszo лозинка пароль секрет "
    "密码 密碼 口令 パスワード 暗証番号 비밀번호 암호"
)
"""A name with one of these words is sensitive, unless it only describes a secret."""

# Words that make a name sensitive if they are its last word.
_SECRET_LAST_WORDS = word_set(
    "cookie bearer passkey authorisation seedphrase samlresponse samlassertion"
)

# Last words of names that describe a secret and do not hold it: `password_length`.
_ATTRIBUTES = word_set(
    "count type kind class length len size strength score expires expire expiry expiration expired "
    "exp at on date day time timestamp ts ttl age lifetime changed enabled disabled required "
    "optional method provider policy last present exists exist set valid invalid validity is "
    "status state name id ids uuid usage used limit max min total remaining budget bucket version "
    "format algorithm alg algo field fields label placeholder page url uri urls endpoint link "
    "links href path paths file filename dir directory reset resets requested request requests "
    "event events attempt attempts failure failures failed fail error errors retries tries updated "
    "update created issued issuer rotated rotation revoked verified accepted consent banner notice "
    "setting settings preference preferences prefs manager generator validator validators rule "
    "rules requirement requirements complexity visible visibility shown visible index offset "
    "position audience scope scopes owner category source location storage store backend service "
    "mode flow step stage strategy level quality rate ratio percent percentage avg mean duration "
    "seconds ms days minutes hours period interval window threshold feature flag supported support "
    "compliance less success result results action prompt form screen tab section message help tip "
    "title prefix suffix change changes changing recovery needed exempt template domain samesite "
    "secure httponly notification notifications reminder email emails checker meter match matches "
    "matched matching toggle button icon model tokenizer handler helper utils sauce santa garden "
    "found detected scanned check checks focus blur autofill autocomplete click clicked view "
    "viewed short common similar numeric weak strong mismatch incorrect hasher hashers done "
    "complete completed subject callback "
    "given shared monster policies authority agent country language course topic summary history "
    "hygiene training survey manual protection middleware sharing rotated"
)
# First words of such names: `has_password`.
_PREDICATES = word_set(
    "has is was were can should must show hide need needs require requires allow allows use uses "
    "using enable disable num n max min total count forgot forgotten supports accept accepts "
    "accepted without no contains includes"
)

# Last words that are ignored, because they only describe the form or origin of a value:
# `password_hash`, `api_key_prod`.
_MODIFIERS = word_set(
    "value val string str text raw plain plaintext cleartext hash hashed encoded encrypted b base "
    "hex header data input confirm confirmation confirmed again repeat repeated retype retyped new "
    "old current previous prod production dev development staging live test testing sandbox "
    "primary secondary backup default fallback temp tmp temporary v pem content env var variable "
    "parameter param arg body payload hint entered x one two first second salt digest"
)

# Words before `key` that make it a secret, and words that leave the decision to the value. The
# sets below do the same for `code`, `token`, `pass` and `signature`.
_BEFORE_SECRET_KEY = word_set(
    "api app secret private access signing sign signature encryption encrypt encrypting decryption "
    "decrypt auth authentication oauth master ssh pgp gpg rsa dsa ecdsa aes hmac license licence "
    "activation recovery subscription deploy write admin root webhook security crypto symmetric "
    "fernet aws azure stripe sendgrid mailgun twilio openai anthropic github gitlab datadog "
    "algolia bearer token wallet vault wep wpa wifi network application unlock session shared "
    "account verification confirm reset functions keystore"
)
_BEFORE_POSSIBLE_KEY = word_set(
    "storage host client user google segment consumer sentry firebase site domain project "
    "organization org device customer team tenant my your the root server service maps personal "
    "integration"
)
_BEFORE_SECRET_CODE = word_set(
    "otp verification verify mfa fa tfa sms security auth authorization authorisation "
    "authentication login signin signon backup recovery access pass pin unlock secret temporary "
    "totp device card oauth factor"
)
_BEFORE_POSSIBLE_CODE = word_set("confirmation confirm activation reset email")
_BEFORE_HARMLESS_TOKEN = word_set(
    "page pagination next continuation cursor design word stop start end pad special mask sync "
    "color colour lexer syntax unigram bigram game board parsing parse eos bos unk separator "
    "punctuation"
)
_BEFORE_COUNTED_TOKENS = _BEFORE_HARMLESS_TOKEN | word_set(
    "prompt completion input output cached reasoning used"
)
_BEFORE_SECRET_TOKENS = word_set(
    "access auth refresh api bearer session csrf device push personal oauth id reset service"
)
_BEFORE_PUBLIC_KEY = word_set("public publishable")
_BEFORE_HARMLESS_PASS = word_set(
    "by boarding season hall day week month year guest backstage bus rail annual test"
)
_CARD_WORDS = word_set(
    "card cc credit debit visa mastercard amex pan payment creditcard debitcard cardholder primary"
)
_NUMBER_WORDS = word_set("number no num nr digits")
_BEFORE_SECRET_PASS = word_set(
    "user db database admin root smtp imap ftp sftp ldap mysql postgres pg redis mongo mongodb "
    "rabbitmq amqp login my old new email mail wifi keystore truststore account client proxy"
)
_ANALYTICS_WORDS = word_set("ga gtm analytics amplitude mixpanel segment google")
_LESSON_WORDS = word_set("training study lecture conference workshop tutoring lesson seminar")
_BEFORE_SECRET_SIGNATURE = word_set(
    "amz goog hub oauth request webhook url signed stripe slack twilio aws s3 shopify"
)

_OTHER_COMPOUND_WORDS = word_set(
    "current confirm confirmation old new user db database admin root login id middleware access "
    "refresh request verification authenticity session sess sessid client app application key code "
    "number num token card credit debit cookie header policy consent my api private public secret "
    "auth oauth bearer signin magic device push personal security answer one pin recovery seed "
    "phrase signature sig cc ccn pan php asp net connect sid saml response assertion remember web "
    "hook webhook service server account password policy"
)

COMPOUND_WORDS = (
    SECRET_WORDS
    | _SECRET_LAST_WORDS
    | _ATTRIBUTES
    | _OTHER_COMPOUND_WORDS
    | _BEFORE_SECRET_KEY
    | _BEFORE_SECRET_CODE
    | (_MODIFIERS - {"b", "v", "x"})
    | (_BEFORE_SECRET_PASS | {"pass", "otp", "hmac"})
    | {"betoken"}  # a verb
) - word_set("at on is ms no n ts min max exp age len fa the")
"""Words that compounds without separators consist of: `dbpassword`, `sessionid`."""

WORDS_WITH_PLURAL = (
    SECRET_WORDS | _SECRET_LAST_WORDS | word_set("key code card pin number")
) - word_set("pass")
"""Words whose plural means the same. (`token` is a secret, but `tokens` is often a count.)"""

COMPOUND_SUFFIXES = (
    *("password", "passwords", "passwd", "passphrase", "passcode", "credentials", "apikey"),
    *("secretkey", "accesskey", "privatekey", "csrftoken", "accesstoken", "authtoken", "sessionid"),
    *("sessid", "authorization", "token", "secret", "secrets", "cookie", "cookies", "pwd"),
)
"""Endings of compounds with unknown words: programs use such compounds, English does not."""

COMPOUND_PREFIXES = ("password", "passwd", "passphrase", "csrf", "xsrf")
"""Beginnings of such compounds."""

SPLIT_WORDS = frozenset(
    {("pass", "word"), ("pass", "wd"), ("pass", "phrase"), ("pass", "code"), ("o", "auth")}
    | {("pass", "words"), ("pass", "key"), ("pass", "wort"), ("key", "word")}
)
"""Pairs that are one word, although its spelling may split it: `passWord`."""


def value_test(words: tuple[str, ...]) -> ValueTest | None:
    """Return the test for the value of a field whose name has these *words*; `None` if harmless."""
    words = _without_modifiers(words)
    if not words:
        return None
    if _describes_secret(words):
        return _session_id_test(words)
    last, before = words[-1], frozenset(words[:-1])
    if last in SECRET_WORDS or last in _SECRET_LAST_WORDS or "".join(words) in SECRET_WORDS:
        return value_tests.always
    if rule := _RULES.get(last):
        found = rule(before)
    else:
        found = _TESTS.get(last) or _test_of_phrase(words, before)
    if before.isdisjoint(SECRET_WORDS):
        return found
    # `password_answer` is a secret and `password_autofill` is not: the value decides.
    return value_tests.always if found is not None else value_tests.is_not_plain_words


def _without_modifiers(words: tuple[str, ...]) -> tuple[str, ...]:
    end = len(words)
    while end and words[end - 1] in _MODIFIERS:
        end -= 1
    return words[:end]


def _describes_secret(words: tuple[str, ...]) -> bool:
    return (words[-1] in _ATTRIBUTES or words[0] in _PREDICATES) and words not in _EXCEPTIONS


def _session_id_test(words: tuple[str, ...]) -> ValueTest | None:
    """Return the test for `session_id`, although `id` as the last word is otherwise harmless."""
    if words[-1] == "id" and words[-2:-1] == ("session",) and not _ANALYTICS_WORDS & {*words}:
        return value_tests.is_session_cookie
    return None


def _test_of_phrase(words: tuple[str, ...], before: frozenset[str]) -> ValueTest | None:
    """Return the test for a name that is sensitive only as a combination of words."""
    last = words[-1]
    if last in _NUMBER_WORDS and len(words) > 1 and words[-2] in _CARD_WORDS:
        return value_tests.always
    if last in _NUMBER_WORDS and words[-2:-1] == ("pin",):
        return value_tests.is_numeric_code
    if last == "phrase" and before & {"seed", "recovery", "secret", "pass"}:
        return value_tests.always
    if "saml" in before and last in ("response", "assertion", "request"):
        return value_tests.always
    if last == "assertion" and "client" in before:
        return value_tests.always
    if last == "answer" and before & {"security", "secret", "recovery", "password"}:
        return value_tests.always
    if last == "verification" and "card" in before:
        return value_tests.always
    return None


def _token(before: frozenset[str]) -> ValueTest | None:
    return None if before & _BEFORE_HARMLESS_TOKEN else value_tests.always


def _tokens(before: frozenset[str]) -> ValueTest | None:
    if before & _BEFORE_SECRET_TOKENS:
        return value_tests.always
    return None if before & _BEFORE_COUNTED_TOKENS else value_tests.is_opaque


def _key(before: frozenset[str]) -> ValueTest | None:
    if before & _BEFORE_PUBLIC_KEY:
        return None
    if before & _BEFORE_SECRET_KEY:
        return value_tests.always
    return value_tests.is_opaque if before & _BEFORE_POSSIBLE_KEY else None


def _code(before: frozenset[str]) -> ValueTest | None:
    if before & _BEFORE_SECRET_CODE or before >= {"one", "time"}:
        return value_tests.always
    return value_tests.has_digit if before & _BEFORE_POSSIBLE_CODE else None


def _csc(before: frozenset[str]) -> ValueTest | None:
    # Card security code. Alone, it may stand for "computer science".
    return value_tests.always if before & _CARD_WORDS else value_tests.is_numeric_code


def _pass(before: frozenset[str]) -> ValueTest | None:
    if before & _BEFORE_SECRET_PASS:
        return value_tests.always
    return None if before & _BEFORE_HARMLESS_PASS else value_tests.is_not_result


def _signature(before: frozenset[str]) -> ValueTest | None:
    return value_tests.always if before & _BEFORE_SECRET_SIGNATURE else value_tests.is_opaque


def _session(before: frozenset[str]) -> ValueTest | None:
    if before & (_ANALYTICS_WORDS | _LESSON_WORDS):
        return None
    return value_tests.is_raw_session_key


def _fa(before: frozenset[str]) -> ValueTest | None:
    # `2fa` without its digit. In a longer name it is a hexadecimal number.
    return None if before else value_tests.is_numeric_code


# Tests by the last word of a name. The rules also depend on the words before it.
_TESTS: dict[str, ValueTest] = {
    "card": value_tests.is_account_number,
    "creditcard": value_tests.is_account_number,
    "debitcard": value_tests.is_account_number,
    "pan": value_tests.is_account_number,
    "ccn": value_tests.is_account_number,
    "ccno": value_tests.is_account_number,
    "cardno": value_tests.is_account_number,
    "pin": value_tests.is_numeric_code,
    "mfa": value_tests.is_numeric_code,
    "tfa": value_tests.is_numeric_code,
    "auth": value_tests.is_not_login_method,
    "sig": value_tests.is_session_cookie,
    "sid": value_tests.is_session_cookie,
    "sessid": value_tests.is_session_cookie,
    "hmac": value_tests.is_opaque,
    "ticket": value_tests.is_opaque,
}
_RULES: dict[str, Callable[[frozenset[str]], ValueTest | None]] = {
    "token": _token,
    "tokens": _tokens,
    "key": _key,
    "code": _code,
    "csc": _csc,
    "pass": _pass,
    "signature": _signature,
    "session": _session,
    "fa": _fa,
}

# Names that hold a secret, although their last word is one of the `_ATTRIBUTES`.
_EXCEPTIONS = frozenset({("secret", "id"), ("card", "no"), ("credit", "card", "no"), ("cc", "no")})
