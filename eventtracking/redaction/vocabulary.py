"""The words that names are made of, and which of their combinations tell of a secret."""

from __future__ import annotations

from collections.abc import Callable

from eventtracking.redaction import suspicions
from eventtracking.redaction.suspicions import Suspicion
from eventtracking.redaction.wordlists import word_set

SECRETS = word_set(
    "password passwd passwrd passphrase passcode passwort passord pwd pswd psw pw "
    "idrsa iddsa idecdsa "
    "secret credential creds authorization csrf xsrf jwt otp totp hotp otc cvv cvc cvn ssn apikey "
    "apisecret mnemonic psk passw "
    "contraseña contrasenya senha motdepasse mdp kennwort wachtwoord parola şifre hasło heslo "
    "salasana lösenord adgangskode jelszo лозинка пароль секрет "
    "密码 密碼 口令 パスワード 暗証番号 비밀번호 암호"
)
"""One of these anywhere in a name, and the name is sensitive."""

_TELLING_ENDS = word_set(
    "cookie bearer passkey authorisation seedphrase samlresponse samlassertion"
)

# What a name says *about* a secret, in its last word or in its first.
_FACTS = word_set(
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
_CLAIMS = word_set(
    "has is was were can should must show hide need needs require requires allow allows use uses "
    "using enable disable num n max min total count forgot forgotten supports accept accepts "
    "accepted without no contains includes"
)

# What a name says of the form or the place of a secret, behind the word that counts.
_DECORATIONS = word_set(
    "value val string str text raw plain plaintext cleartext hash hashed encoded encrypted b base "
    "hex header data input confirm confirmation confirmed again repeat repeated retype retyped new "
    "old current previous prod production dev development staging live test testing sandbox "
    "primary secondary backup default fallback temp tmp temporary v pem content env var variable "
    "parameter param arg body payload hint entered x one two first second salt digest"
)

_OWNERS_OF_KEYS = word_set(
    "api app secret private access signing sign signature encryption encrypt encrypting decryption "
    "decrypt auth authentication oauth master ssh pgp gpg rsa dsa ecdsa aes hmac license licence "
    "activation recovery subscription deploy write admin root webhook security crypto symmetric "
    "fernet aws azure stripe sendgrid mailgun twilio openai anthropic github gitlab datadog "
    "algolia bearer token wallet vault wep wpa wifi network application unlock session shared "
    "account verification confirm reset functions keystore"
)
_PERHAPS_OWNERS_OF_KEYS = word_set(
    "storage host client user google segment consumer sentry firebase site domain project "
    "organization org device customer team tenant my your the root server service maps personal "
    "integration"
)
_OWNERS_OF_CODES = word_set(
    "otp verification verify mfa fa tfa sms security auth authorization authorisation "
    "authentication login signin signon backup recovery access pass pin unlock secret temporary "
    "totp device card oauth factor"
)
_PERHAPS_OWNERS_OF_CODES = word_set("confirmation confirm activation reset email")
_HARMLESS_TOKENS = word_set(
    "page pagination next continuation cursor design word stop start end pad special mask sync "
    "color colour lexer syntax unigram bigram game board parsing parse eos bos unk separator "
    "punctuation"
)
_COUNTED_TOKENS = _HARMLESS_TOKENS | word_set(
    "prompt completion input output cached reasoning used"
)
_SECRET_TOKENS = word_set(
    "access auth refresh api bearer session csrf device push personal oauth id reset service"
)
_PUBLIC = word_set("public publishable")
_OTHER_PASSES = word_set(
    "by boarding season hall day week month year guest backstage bus rail annual test"
)
_ACCOUNTS = word_set(
    "card cc credit debit visa mastercard amex pan payment creditcard debitcard cardholder primary"
)
_NUMBERS = word_set("number no num nr digits")
_USERS_OF_PASSES = word_set(
    "user db database admin root smtp imap ftp sftp ldap mysql postgres pg redis mongo mongodb "
    "rabbitmq amqp login my old new email mail wifi keystore truststore account client proxy"
)
_ANALYTICS = word_set("ga gtm analytics amplitude mixpanel segment google")
_LESSONS = word_set("training study lecture conference workshop tutoring lesson seminar")
_SIGNERS = word_set(
    "amz goog hub oauth request webhook url signed stripe slack twilio aws s3 shopify"
)

_QUALIFIERS = word_set(
    "current confirm confirmation old new user db database admin root login id middleware access "
    "refresh request verification authenticity session sess sessid client app application key code "
    "number num token card credit debit cookie header policy consent my api private public secret "
    "auth oauth bearer signin magic device push personal security answer one pin recovery seed "
    "phrase signature sig cc ccn pan php asp net connect sid saml response assertion remember web "
    "hook webhook service server account password policy"
)

WORDS = (
    SECRETS
    | _TELLING_ENDS
    | _FACTS
    | _QUALIFIERS
    | _OWNERS_OF_KEYS
    | _OWNERS_OF_CODES
    | (_DECORATIONS - {"b", "v", "x"})
    | (_USERS_OF_PASSES | {"pass", "otp", "hmac"})
    | {"betoken"}  # a verb
) - word_set("at on is ms no n ts min max exp age len fa the")
"""Words that a compound in small letters is made of: `dbpassword`, `sessionid`."""

WITH_PLURAL = (SECRETS | _TELLING_ENDS | word_set("key code card pin number")) - word_set("pass")
"""Words whose plural means the same. (One token is a secret, a thousand of them are a bill.)"""

ENDS = (
    *("password", "passwords", "passwd", "passphrase", "passcode", "credentials", "apikey"),
    *("secretkey", "accesskey", "privatekey", "csrftoken", "accesstoken", "authtoken", "sessionid"),
    *("sessid", "authorization", "token", "secret", "secrets", "cookie", "cookies", "pwd"),
)
"""What ends a compound of other words in no language but that of programs."""

STARTS = ("password", "passwd", "passphrase", "csrf", "xsrf")

TORN = frozenset(
    {("pass", "word"), ("pass", "wd"), ("pass", "phrase"), ("pass", "code"), ("o", "auth")}
    | {("pass", "words"), ("pass", "key"), ("pass", "wort"), ("key", "word")}
)
"""Pairs that are one word."""


def judge(words: tuple[str, ...]) -> Suspicion | None:
    """Return what a value has to be asked whose name is made of *words*; `None` if harmless."""
    named = _without_decorations(words)
    if not named:
        return None
    if _speaks_about(named):
        return _judge_session(named)
    last, before = named[-1], frozenset(named[:-1])
    if last in SECRETS or last in _TELLING_ENDS or "".join(named) in SECRETS:
        return suspicions.always
    rule = _RULES.get(last)
    found = rule(before) if rule is not None else _judge_rest(named, before)
    if before.isdisjoint(SECRETS):
        return found
    # `password_answer` is one, `password_autofill` is not: the value has to tell.
    return suspicions.always if found is not None else suspicions.unlike_words


def _speaks_about(words: tuple[str, ...]) -> bool:
    return (words[-1] in _FACTS or words[0] in _CLAIMS) and words not in _NOT_FACTS


def _without_decorations(words: tuple[str, ...]) -> tuple[str, ...]:
    end = len(words)
    while end and words[end - 1] in _DECORATIONS:
        end -= 1
    return words[:end]


def _judge_session(words: tuple[str, ...]) -> Suspicion | None:
    """Judge a name like `session_id`, which the last word makes look like a mere fact."""
    if words[-1] == "id" and words[-2:-1] == ("session",) and not _ANALYTICS & {*words}:
        return suspicions.session_cookie
    return None


def _judge_rest(named: tuple[str, ...], before: frozenset[str]) -> Suspicion | None:
    last = named[-1]
    if last in _NUMBERS and len(named) > 1 and named[-2] in _ACCOUNTS:
        return suspicions.always
    if last in _NUMBERS and named[-2:-1] == ("pin",):
        return suspicions.numeric_code
    if last == "phrase" and before & {"seed", "recovery", "secret", "pass"}:
        return suspicions.always
    if "saml" in before and last in ("response", "assertion", "request"):
        return suspicions.always
    if last == "assertion" and "client" in before:
        return suspicions.always
    if last == "answer" and before & {"security", "secret", "recovery", "password"}:
        return suspicions.always
    if last == "verification" and "card" in before:
        return suspicions.always
    return None


def _token(before: frozenset[str]) -> Suspicion | None:
    return None if before & _HARMLESS_TOKENS else suspicions.always


def _tokens(before: frozenset[str]) -> Suspicion | None:
    if before & _SECRET_TOKENS:
        return suspicions.always
    return None if before & _COUNTED_TOKENS else suspicions.opaque


def _key(before: frozenset[str]) -> Suspicion | None:
    if before & _PUBLIC:
        return None
    if before & _OWNERS_OF_KEYS:
        return suspicions.always
    return suspicions.opaque if before & _PERHAPS_OWNERS_OF_KEYS else None


def _code(before: frozenset[str]) -> Suspicion | None:
    if before & _OWNERS_OF_CODES or before >= {"one", "time"}:
        return suspicions.always
    return suspicions.has_digit if before & _PERHAPS_OWNERS_OF_CODES else None


def _card(_: frozenset[str]) -> Suspicion | None:
    return suspicions.account_number


def _security_code(before: frozenset[str]) -> Suspicion | None:
    # Alone, it is a kind of course in places.
    return suspicions.always if before & _ACCOUNTS else suspicions.numeric_code


def _pin(_: frozenset[str]) -> Suspicion | None:
    return suspicions.numeric_code


def _pass(before: frozenset[str]) -> Suspicion | None:
    if before & _USERS_OF_PASSES:
        return suspicions.always
    return None if before & _OTHER_PASSES else suspicions.not_a_result


def _auth(_: frozenset[str]) -> Suspicion | None:
    return suspicions.not_a_method


def _signature(before: frozenset[str]) -> Suspicion | None:
    return suspicions.always if before & _SIGNERS else suspicions.opaque


def _session(before: frozenset[str]) -> Suspicion | None:
    return None if before & (_ANALYTICS | _LESSONS) else suspicions.raw_session


def _session_cookie(_: frozenset[str]) -> Suspicion | None:
    return suspicions.session_cookie


def _second_factor(before: frozenset[str]) -> Suspicion | None:
    # `2fa` without its digit. In a longer name it is a hexadecimal number.
    return None if before else suspicions.numeric_code


def _opaque(_: frozenset[str]) -> Suspicion | None:
    return suspicions.opaque


# By the last word.
_RULES: dict[str, Callable[[frozenset[str]], Suspicion | None]] = {
    "token": _token,
    "tokens": _tokens,
    "key": _key,
    "code": _code,
    "card": _card,
    "creditcard": _card,
    "debitcard": _card,
    "pan": _card,
    "ccn": _card,
    "ccno": _card,
    "cardno": _card,
    "csc": _security_code,
    "pin": _pin,
    "pass": _pass,
    "auth": _auth,
    "signature": _signature,
    "sig": _session_cookie,
    "hmac": _opaque,
    "session": _session,
    "sid": _session_cookie,
    "sessid": _session_cookie,
    "mfa": _pin,
    "tfa": _pin,
    "fa": _second_factor,
    "ticket": _opaque,
}

_NOT_FACTS = frozenset({("secret", "id"), ("card", "no"), ("credit", "card", "no"), ("cc", "no")})
