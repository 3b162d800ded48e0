"""Words whose change changes what a machine's line says: they are never masked and never stand for one another."""

from __future__ import annotations

import re
import tomllib
from importlib import resources

_WORDS = {
    kind: frozenset(words.split())
    for kind, words in tomllib.loads((resources.files(__package__) / "words.toml").read_text("utf-8")).items()
}

MEANINGFUL = _WORDS["severities"] | _WORDS["states"] | _WORDS["negations"] | _WORDS["privileged"] | _WORDS["abroad"]
"""What decides how bad a line is, in lower case."""

MEANINGFUL_WITHIN = frozenset(word for word in _WORDS["severities"] | _WORDS["states"] if len(word) > 3)
"""Those that are looked for within paths and identifiers, where "on" and "ok" are chance."""

MEANINGFUL_FIELDS = _WORDS["fields"]
"""Names of fields that say what happened: `status=failed`, `"event": "login"`."""

CUES = _WORDS["cues"]
"""Words after which a word may be a name."""

FAILURE = (
    r"(?:errors?|errs?|fail(?:ed|ures?|s)?|faults?|lost|loss|drop(?:ped|s)?|reject(?:ed|s)?|den(?:ied|y)|missing|corrupt(?:ed)?"
    r"|crash(?:ed|es)?|dead|down|unavailable|timeouts?|bad|critical|warnings?|violations?|conflicts?|exceptions?)"
)
"""Pattern of what nobody wants: of a count of these, whether it is zero is what matters."""

_OWN = (
    r"i['’](?:m|ve|d|ll)|im|ive|i(?= [a-z])|my|me|mine|myself|ours?|ich|mein\w{0,2}|mir|mich|wir|uns(?:er\w{0,2})?"
    r"|je|j['’]|mon(?!,|\s\w{3}\s|\s+\d)|mes|nous|notre|quiero|tengo|puedo|nuestr[oa]s?|vorrei|mio|mia|meu|minha"
    r"|ik|mijn"
)
"""Words by which a writer speaks of himself; "Mon 30 Nov" is a day."""
_REQUESTS = "please|thanks|bitte|danke|merci|gracias|grazie|obrigad[oa]|alstublieft"
_ADDRESS = r"yours?|you|hello|dear|ihnen|ihr\w{0,2}|hallo|vous|votre|bonjour|usted|hola"
_PERSON = re.compile(rf"(?<!\w)(?:{_OWN}|{_REQUESTS}|{_ADDRESS})(?!\w)", re.IGNORECASE)
_SELF = re.compile(rf"(?<!\w)(?:{_OWN})(?!\w)", re.IGNORECASE)
_REQUEST = re.compile(rf"(?<!\w)(?:{_REQUESTS})(?!\w)", re.IGNORECASE)
_QUESTION = re.compile(r"\w\?(?:\s|$)")
_LETTER = 12
"""Words from which on a text that asks for something may be a form letter."""
_NOTATION = re.compile(r"[=_\[\]{}<>|]|0x[0-9a-f]")


def speaks_of_a_person(text: str) -> bool:
    """Tell whether a person writes or is spoken to: "I", "your", "bitte", a question.

    One such word does not make a person of a text in a machine's notation ("Connection broken, my id = 1").
    """
    signs = len(_PERSON.findall(text)) + len(_QUESTION.findall(text))
    return signs > 1 or (signs == 1 and _NOTATION.search(text) is None)


def may_be_a_notice(text: str) -> bool:
    """Tell whether a text only addresses its reader ("your statement is ready"), as a form letter does."""
    if _SELF.search(text) or _QUESTION.search(text):
        return False
    return _REQUEST.search(text) is None or len(text.split()) >= _LETTER
