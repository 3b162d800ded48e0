"""Keys and tokens: private keys, JSON web tokens, those that providers mark by a prefix, and what is named a secret."""

from __future__ import annotations

import re

from opsintel_pipeline.privacy.found import Finds, Found

_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_END = "-----END "
_TOKEN = re.compile(
    r"(?<![\w-])(?:eyJ[\w-]{8,}+(?:\.[\w-]{4,}+){1,4}"
    r"|(?:sk|rk|pk)_(?:live|test)_\w{16,}+"
    r"|sk-[\w-]{16,}+"
    r"|(?:gh[opsur]|github_pat|dckr_pat|npm|hf|shp(?:at|ca|pa|ss)|dop_v1|lin_api|whsec|figd|op[os]|pat|r8|nvapi|tskey)_\w{16,}+"
    r"|(?:glpat|gldt|glrt|nvapi|tskey|pypi|ATATT|dapi|sntrys|PMAK|xapp|xox[a-z])-?[\w.=-]{20,}+"
    r"|xox[a-z]-[\w-]{8,}+|xapp-[\w-]{8,}+"
    r"|(?:AKIA|ASIA|AGPA|AIDA|AROA|ABIA|ACCA)[A-Z0-9]{16}(?!\w)"
    r"|AIza[\w-]{30,}+|ya29\.[\w.-]{16,}+|GOCSPX-[\w-]{16,}+|1//0[\w-]{30,}+"
    r"|SG\.[\w-]{16,}+\.[\w-]{16,}+|hv[sbr]\.[\w-]{20,}+|EAA[A-Za-z0-9]{40,}+"
    r"|(?:AC|SK)[0-9a-f]{32}(?!\w)|key-[0-9a-f]{32}(?!\w)"
    r"|AGE-SECRET-KEY-1[A-Z0-9]{40,}+)"
)
_LOGIN_WORDS = (
    r"(?:(?:db|user|admin|root|smtp|mail|ftp|login|vpn)?pass(?:word|wd|phrase|code)|\w{0,16}(?:passwort|kennwort)|pwd"
    r"|contraseña|clave|mot de passe|mdp|senha|wachtwoord|hasło|lösenord|adgangskode|salasana|parola|şifre"
    r"|пароль|パスワード|密码|密碼|비밀번호)"
)
_KEY_WORDS = (
    r"(?:(?:api|access|auth|secret|private|account|signing|client|shared|encryption)[ _-]?(?:key|token|secret)"
    r"|secret|token|bearer)"
)
_NAME = (
    rf"(?P<name>(?:(?<![\w-])[\w-]{{0,40}}[_-]|(?<![A-Za-z]))(?:(?P<password>{_LOGIN_WORDS})|{_KEY_WORDS}|(?<=_)pass))"
)
_ASSIGNED = re.compile(
    rf"(?:{_NAME}(?:[\"']\s{{0,3}}(?:[:=]|=>)|\s{{0,3}}(?:=>|:=|=(?!=))|(?P<colon>\s{{0,3}}:))\s{{0,3}}"
    rf"|(?<!\S)--?(?:[\w-]{{0,20}}-)?(?:{_LOGIN_WORDS}|{_KEY_WORDS})\s{{1,3}}"
    rf"|<(?:\w{{0,20}}[_:-])?(?:{_LOGIN_WORDS}|{_KEY_WORDS})>\s{{0,3}})"
    r"""(?=["'](?P<within>[^"'\n]{3,512})["']|["']?(?P<value>[^\s"'<>,;&]{3,512}))""",
    re.IGNORECASE,
)
"""A value of an identifier, of an option of a command, of an element of XML: it needs no form."""
_GAP = r"""(?:\s|&nbsp;|</?\w[^<>\n]{0,40}>|[*_`"'„“”«»]){0,6}"""
_SAID = re.compile(
    rf"{_NAME}(?P<between>\s\([^()\n]{{1,24}}\)|\s(?:for|of|on|at|für|zum|zur|von|vom|para|del?|pour|du|per)(?:\s[^\s:=]{{1,40}}){{1,3}}?"
    r"|\s(?:now|new|old|neu|alt|nuev[oa]|current|temporary|initial|aktuell))?"
    rf"""(?:["'*_`]{{0,3}}\s{{0,3}}(?::|=>?)"""
    r"|[ ,]{1,3}(?:is|was|ist|war|lautet|heißt|es|est|è|é|(?:changed|reset|set)\sto)\b"
    rf"(?:\s(?:now|jetzt|ahora))?\s{{0,3}}:?|(?P<bare>\s)){_GAP}(?=(?P<value>[^\s\"'<>,;`]{{5,512}}))",
    re.IGNORECASE,
)
_PIN = re.compile(
    r"\b(?:(?:pin|puk|tan|otp)(?:[ -]?(?:code|number|nummer))?|cv[vc]2?)"
    r"(?:\s{0,3}[:=]|\s(?:is|ist|lautet|es|est)\b:?)\s{0,3}(?P<value>\d{3,8})(?![\w.-]*\w)",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"(?<=://)[^\s/:@\"'<>]{0,64}:(?P<value>[^\s/\"'<>]{1,256})@")
_HEADER = re.compile(
    r"\bauthorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:(?:bearer|basic|token|apikey|digest)\s{1,3})?(?P<value>[\w.~+/=:-]{4,2000})",
    re.IGNORECASE,
)
_AUTHORIZATION = re.compile(r"\b(?:bearer|basic)\s{1,3}(?P<value>[\w.~+/=-]{12,2000})", re.IGNORECASE)
_LONG = 20
"""Characters from which on what follows "Bearer" is no word of a sentence."""
_INNER_CAPITAL = re.compile(r"[a-zß-ÿ][A-ZÀ-Þ]")
_SIGN = re.compile(r"\w[!@#$%^&+=?~|\\_§€](?=.*\w)|\w-\w+-\w")
"""A sign within; one hyphen is that of a compound."""
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_NO_VALUE = re.compile(
    r"(?:true|false|null|none|nil|yes|no|required|optional|missing|(?:in)?valid|expired|undefined|empty|unset|redacted|masked"
    r"|hidden|wrong|(?:in)?correct|changed|reset|failed)\Z",
    re.IGNORECASE,
)
_STATES = re.compile(
    r"(?:invalid|expired|missing|bad|wrong|unknown|reset|forgot|forgotten|change|no|incorrect)[_-]", re.IGNORECASE
)


def keys(text: str) -> Finds:
    """Yield keys, tokens and passwords; of a value that prose names only those with the form of one."""
    for match in _PRIVATE_KEY.finditer(text):
        end = text.find(_END, match.end())
        line = text.find("-----", end + len(_END)) if end >= 0 else -1
        yield Found("key", match.start(), line + 5 if line >= 0 else len(text))
        if line < 0:
            return
    for match in _TOKEN.finditer(text):
        yield Found("key", match.start(), match.end())
    for match in _ASSIGNED.finditer(text):
        if _takes_any(match):
            yield from _place(match, "within" if match["within"] else "value")
    for pattern in (_CREDENTIALS, _HEADER, _PIN):
        for match in pattern.finditer(text):
            yield from _place(match, "value")
    for match in _AUTHORIZATION.finditer(text):
        if len(match["value"]) >= _LONG or _is_formed(match["value"]):
            yield from _place(match, "value")
    for match in _SAID.finditer(text):
        if _is_secret(match):
            yield from _place(match, "value")


def _place(match: re.Match[str], group: str) -> Finds:
    value = match[group].rstrip(".)]}!?")
    if value and not _NO_VALUE.match(value) and any(map(str.isalnum, value)):
        yield Found("key", match.start(group), match.start(group) + len(value))


def _takes_any(match: re.Match[str]) -> bool:
    """Tell whether what is assigned needs no form: of a colon alone only where the name is an identifier."""
    name = match["name"] or ""
    value = match["within"] or match["value"]
    if _STATES.match(name) or "://" in value or (name.lower() == "pwd" and value.startswith(("/", "~"))):
        return False
    return match["colon"] is None or "_" in name or name.lower().startswith("x-")


def _is_secret(match: re.Match[str]) -> bool:
    """Tell whether a value that prose names has the form of one; after a bare space it needs more of it."""
    value = match["value"].rstrip(".)]}!?:")
    if len(value) < 5 or "://" in value or _EMAIL.fullmatch(value):
        return False
    digits = sum(map(str.isdigit, value))
    if match["bare"]:
        is_mixed = value != value.lower() and value != value.upper()
        is_random = len(value) >= 16 and value.isalnum() and 3 <= digits < len(value)
        return is_random or (is_mixed and (digits > 0 or _SIGN.search(value) is not None))
    if match["password"] is None:
        return (
            len(value) >= 6
            and 0 < digits < len(value)
            and _is_formed(value)
            or _INNER_CAPITAL.search(value) is not None
        )
    if digits == len(value):
        return match["between"] is None
    return _is_formed(value) or _SIGN.search(value) is not None


def _is_formed(value: str) -> bool:
    """Tell whether a value has a letter, and a digit or a capital within."""
    letters = any(map(str.isalpha, value))
    return letters and (any(map(str.isdigit, value)) or _INNER_CAPITAL.search(value) is not None)
