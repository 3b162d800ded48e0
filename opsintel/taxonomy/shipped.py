"""The taxonomies that ship with the product, as files: a tenant chooses one and adapts it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from opsintel.errors import InputError
from opsintel.taxonomy.taxonomy import Category, Taxonomy, categories_of

DEFAULT = "support"
"""Of a tenant that chose none."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """A taxonomy of the product."""

    key: str
    """What it is chosen by."""

    name: str
    description: str
    categories: tuple[Category, ...]


@cache
def shipped() -> tuple[Shipped, ...]:
    """Return the taxonomies that ship with the product, by key."""
    folder = resources.files(__package__).joinpath("defaults")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return tuple(
        Shipped(file.name.removesuffix(".toml"), said["title"], said["description"], categories_of(said["category"]))
        for file in files
        for said in [tomllib.loads(file.read_text(encoding="utf-8"))]
    )


def shipped_as(key: str) -> Shipped:
    """Return the shipped taxonomy of a key; `InputError` for none."""
    found = next((one for one in shipped() if one.key == key), None)
    if found is None:
        raise InputError(
            f"{key!r} is no taxonomy of the product", remedy=f"Use {', '.join(one.key for one in shipped())}"
        )
    return found


@cache
def unchosen() -> Taxonomy:
    """Return the taxonomy of a tenant that chose none: version 0."""
    default = shipped_as(DEFAULT)
    return Taxonomy(0, default.name, default.categories)
