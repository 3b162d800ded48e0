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
_NAMED = re.compile(
    r"(?<![A-Za-z])(?:[\w-]{0,40}[_-])?(?:pass(?:word|wd|phrase|code|wort)|pwd|kennwort|secret|contraseña|clave"
    r"|mot de passe|mdp|senha|wachtwoord|hasło|lösenord|adgangskode|salasana|parola|şifre"
    r"|пароль|パスワード|密码|密碼|비밀번호"
    r"|(?:api|access|auth|secret|private|account|signing|client|shared|encryption)[ _-]?(?:key|token|secret)"
    r"|token|bearer)"
    r"""(?:["']?\s{0,3}(?:[:=]|=>|\bis\b|\bist\b|\bes\b|\best\b)\s{0,3}|\s)["']?([^\s"'<>,;]{8,512})""",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"(?<=://)[^\s/:@\"'<>]{0,64}:([^\s/@\"'<>]{3,256})@")
_AUTHORIZATION = re.compile(r"\b(?:bearer|basic)\s{1,3}([\w.~+/=-]{12,2000})", re.IGNORECASE)


def keys(text: str) -> Finds:
    """Yield keys, tokens and passwords; of a named value only those with a digit or a sign among letters."""
    for match in _PRIVATE_KEY.finditer(text):
        end = text.find(_END, match.end())
        line = text.find("-----", end + len(_END)) if end >= 0 else -1
        yield Found("key", match.start(), line + 5 if line >= 0 else len(text))
        if line < 0:
            return
    for match in _TOKEN.finditer(text):
        yield Found("key", match.start(), match.end())
    for pattern in (_NAMED, _CREDENTIALS, _AUTHORIZATION):
        for match in pattern.finditer(text):
            start, end = match.span(1)
            value = text[start:end].rstrip(".)]}!?")
            if _is_secret(value):
                yield Found("key", start, start + len(value))


def _is_secret(value: str) -> bool:
    letters = any(character.isalpha() for character in value)
    return len(value) >= 6 and letters and any(character.isdigit() for character in value) and "://" not in value
