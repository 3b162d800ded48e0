"""What a taxonomy is: categories in up to three levels, each with a description and examples, and their limits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from opsintel.errors import InputError, one_line

JOINT = " / "
"""Between the levels of a category's name."""

OTHER = "Other"
"""What fits no category; every taxonomy has it."""

LEVELS, LONGEST_LEVEL = 3, 80
MOST_CATEGORIES = 200
LONGEST_NAME = 200
LONGEST_TEXT = 500
"""Characters of a description, and of an example."""

MOST_EXAMPLES = 40
MOST_CHARACTERS = 60_000
"""Of all descriptions and examples together."""


@dataclass(frozen=True, slots=True)
class Category:
    """A category: its path from the highest level, and what it says of itself."""

    path: tuple[str, ...]
    description: str = ""
    examples: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return the levels as one text."""
        return JOINT.join(self.path)


@dataclass(frozen=True)
class Taxonomy:
    """A version of a tenant's categories; what one says never changes. Version 0 is that of who chose none."""

    version: int
    name: str
    categories: tuple[Category, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return what a category can be: the names in their order, and `OTHER`."""
        return tuple(dict.fromkeys((*(category.name for category in self.categories), OTHER)))

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 (hex) of what the categories say."""
        told = json.dumps(documents_of(self.categories), sort_keys=True)
        return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()

    def __hash__(self) -> int:
        """Return a hash of what it says, so that what is made of it is made once."""
        return hash((self.version, self.digest))


def documents_of(categories: Sequence[Category]) -> list[dict[str, Any]]:
    """Return categories as documents (JSON)."""
    return [
        {"path": list(each.path), "description": each.description, "examples": list(each.examples)}
        for each in categories
    ]


def categories_of(documents: object) -> tuple[Category, ...]:
    """Return the categories of documents that a person gave; raises `InputError` that names the one that is wrong."""
    if not isinstance(documents, list | tuple) or not documents:
        raise InputError("A taxonomy has a list of categories", remedy="Give at least one")
    if len(documents) > MOST_CATEGORIES:
        raise InputError(f"A taxonomy has {MOST_CATEGORIES} categories at most", remedy="Join some")
    categories = tuple(_category(document, place) for place, document in enumerate(documents, start=1))
    twice = {one.name for place, one in enumerate(categories) if one.name in {each.name for each in categories[:place]}}
    if twice:
        raise InputError(f"The category {min(twice)!r} is there twice", remedy="Name each once")
    if sum(len(each.description) + sum(map(len, each.examples)) for each in categories) > MOST_CHARACTERS:
        raise InputError(f"Descriptions and examples have {MOST_CHARACTERS:,} characters at most in all")
    return categories


def checked_name(name: str) -> str:
    """Return the name of a taxonomy; raises `InputError` for none."""
    shown = one_line(name)
    if not shown or len(shown) > LONGEST_NAME:
        raise InputError(f"A taxonomy has a name of {LONGEST_NAME} characters at most")
    return shown


def _category(document: object, place: int) -> Category:
    given: Mapping[str, Any] = document if isinstance(document, Mapping) else {}
    if not given or set(given) - {"path", "description", "examples"}:
        raise InputError(f"Category {place} is not given as path, description and examples")
    path, examples = given.get("path"), given.get("examples", ())
    if not _are_texts(path) or not _are_texts(examples) or not isinstance(given.get("description", ""), str):
        raise InputError(f"Category {place}: path and examples are lists of texts, the description is a text")
    levels = tuple(one_line(level) for level in path or ())
    if not 1 <= len(levels) <= LEVELS or not all(0 < len(level) <= LONGEST_LEVEL for level in levels):
        raise InputError(f"Category {place} has 1 to {LEVELS} levels of 1 to {LONGEST_LEVEL} characters")
    if any(JOINT in f" {level} " for level in levels):
        raise InputError(f"Category {place}: a level holds no {JOINT.strip()!r}", remedy="Make it a level of its own")
    shown = (one_line(given.get("description", "")), *map(one_line, examples))
    if len(shown) > MOST_EXAMPLES + 1 or any(len(text) > LONGEST_TEXT for text in shown):
        raise InputError(
            f"Category {place} has {MOST_EXAMPLES} examples at most; they and the description {LONGEST_TEXT} characters"
        )
    return Category(levels, shown[0], tuple(text for text in shown[1:] if text))


def _are_texts(values: object) -> bool:
    return isinstance(values, list | tuple) and all(isinstance(value, str) for value in values)
