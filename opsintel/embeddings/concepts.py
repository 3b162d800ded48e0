"""Concepts: what words of three languages mean alike, from a hand-made thesaurus of customer service.

They give the lexical embedder a bridge between different words, and between languages, for the same thing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from opsintel.embeddings.words import words_of

LONGEST_PHRASE = 4
SHORTEST_PREFIX = 3


@dataclass(frozen=True)
class Thesaurus:
    """Concepts by the words and phrases that stand for them; a prefix stands for every word that begins with it."""

    names: tuple[str, ...]
    words: dict[str, int] = field(repr=False)
    prefixes: dict[str, int] = field(repr=False)

    def concepts_of(self, words: Sequence[str]) -> list[int]:
        """Return the concepts of a text's words, in their order; a phrase hides what lies within it."""
        found = []
        covered = 0
        for place in range(len(words)):
            end, concept = self._longest(words, place)
            if concept is not None and end > covered:
                found.append(concept)
                covered = end
        return found

    def _longest(self, words: Sequence[str], place: int) -> tuple[int, int | None]:
        """Return where the longest known phrase from a place on ends, and its concept."""
        for length in range(min(LONGEST_PHRASE, len(words) - place), 0, -1):
            concept = self._of_phrase(" ".join(words[place : place + length]))
            if concept is not None:
                return place + length, concept
        return place, None

    def _of_phrase(self, phrase: str) -> int | None:
        concept = self.words.get(phrase)
        if concept is not None:
            return concept
        first = phrase.rfind(" ") + 1 + SHORTEST_PREFIX
        for end in range(len(phrase), first - 1, -1):
            concept = self.prefixes.get(phrase[:end])
            if concept is not None:
                return concept
        return None


@cache
def thesaurus() -> Thesaurus:
    """Return the shipped thesaurus, its entries split into words in the way texts are."""
    content = resources.files(__package__).joinpath("concepts.toml").read_text(encoding="utf-8")
    languages: dict[str, dict[str, list[str]]] = tomllib.loads(content)
    words: dict[str, int] = {}
    prefixes: dict[str, int] = {}
    for number, by_language in enumerate(languages.values()):
        for entry in (entry for entries in by_language.values() for entry in entries):
            target = prefixes if entry.endswith("*") else words
            target.setdefault(" ".join(words_of(entry)), number)
    return Thesaurus(tuple(languages), words, prefixes)
