"""Word lists by language, as data: what a phrase tells about a message."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

LANGUAGES = ("en", "de", "es")
DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True)
class Lexicon:
    """Patterns of one language: group → label → compiled alternation; each matches in linear time."""

    groups: dict[str, dict[str, re.Pattern[str]]]

    def found(self, group: str, text: str) -> dict[str, list[re.Match[str]]]:
        """Return, for each label of a group that occurs in the text, its matches in order."""
        matches = {label: list(pattern.finditer(text)) for label, pattern in self.groups[group].items()}
        return {label: found for label, found in matches.items() if found}


@cache
def lexicon_for(language: str) -> Lexicon:
    """Return the lexicon of a BCP 47 language; English where there is none."""
    base = language.split("-")[0].lower()
    name = base if base in LANGUAGES else DEFAULT_LANGUAGE
    content = tomllib.loads(resources.files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))
    return Lexicon(
        {group: {label: _pattern(phrases) for label, phrases in labels.items()} for group, labels in content.items()}
    )


def _pattern(phrases: list[str]) -> re.Pattern[str]:
    alternatives = sorted((_expression(phrase) for phrase in phrases), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(alternatives)})(?!\w)", re.IGNORECASE)


def _expression(phrase: str) -> str:
    words = []
    for word in phrase.split():
        stem = word.rstrip("*")
        escaped = re.escape(stem).replace(r"i\?ed", "i[sz]ed").replace("'", "['’]")
        words.append(escaped + (r"\w{0,24}" if word.endswith("*") else ""))
    return r"\s{1,3}".join(words)
