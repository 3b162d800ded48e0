"""Taxonomies: the categories that analyses choose from."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from opsintel.taxonomy.taxonomy import (
    LEVELS,
    LONGEST_LEVEL,
    LONGEST_NAME,
    LONGEST_TEXT,
    MOST_CATEGORIES,
    MOST_EXAMPLES,
)
from opsintel_api.masking import Shown
from opsintel_api.models.common import Answer, NextCursor, Parameters
from opsintel_api.models.erasures import AskedBy

WITHOUT_NUL = r"^[^\x00]*$"
CATEGORY_EXAMPLE: dict[str, Any] = {
    "path": ["Billing", "Invoices"],
    "description": "An invoice or receipt is missing or wrong",
    "examples": ["The invoice shows the wrong tax"],
}
ENTRY_EXAMPLE: dict[str, Any] = {
    "id": "01993c5e-7c00-7000-8000-000000000021",
    "version": 2,
    "name": "Support",
    "base": "",
    "in_force": True,
    "created_at": "2026-11-22T09:00:00Z",
    "promoted_at": "2026-11-22T10:00:00Z",
    "author": {"kind": "person", "id": "01993c5e-7c00-7000-8000-000000000009", "name": None},
}
TAXONOMY_EXAMPLE: dict[str, Any] = ENTRY_EXAMPLE | {"categories": [CATEGORY_EXAMPLE]}

Level = Annotated[str, Field(min_length=1, max_length=LONGEST_LEVEL, pattern=WITHOUT_NUL)]
Told = Annotated[str, Field(max_length=LONGEST_TEXT, pattern=WITHOUT_NUL)]


class CategoryRequest(Parameters):
    """A category as it is to be."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [CATEGORY_EXAMPLE]})

    path: Annotated[list[Level], Field(min_length=1, max_length=LEVELS, description="From the highest level down")]
    description: Told = ""
    examples: Annotated[list[Told], Field(max_length=MOST_EXAMPLES)] = Field(
        default_factory=list, description="Messages or words as people write them"
    )


class TaxonomyRequest(Parameters):
    """A version: categories of one's own, or one of the product's taxonomies."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "Support", "categories": [CATEGORY_EXAMPLE]}]}
    )

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=WITHOUT_NUL)] | None = Field(
        None, description="As people call it; null: as the product's is called"
    )
    base: Annotated[str, Field(max_length=40, pattern=WITHOUT_NUL)] | None = Field(
        None, description="One of the product's taxonomies, as it is"
    )
    categories: Annotated[list[CategoryRequest], Field(min_length=1, max_length=MOST_CATEGORIES)] | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.base is None) is (self.categories is None):
            raise ValueError("A version is given by `categories` or by `base`, not by both")
        if self.base is None and self.name is None:
            raise ValueError("Categories of your own have a name")
        return self


class TaxonomyCategory(Answer):
    """A category."""

    path: list[Shown]
    description: str
    examples: list[str]


class TaxonomyHead(Answer):
    """A version, without what it says."""

    id: UUID | None = Field(description="Null for version 0, the product's own of a tenant that chose none")
    version: int
    name: Shown
    base: Shown = Field(description="One of the product's taxonomies it was made of; empty for none")
    in_force: bool = Field(description="Whether analyses go by it")
    created_at: datetime | None
    promoted_at: datetime | None = Field(description="When it was last put in force")
    author: AskedBy | None


class TaxonomyEntry(TaxonomyHead):
    """A version in a list."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [ENTRY_EXAMPLE | {"categories": 17}]})

    categories: int = Field(description="How many")


class Taxonomy(TaxonomyHead):
    """A version with its categories."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [TAXONOMY_EXAMPLE]})

    categories: list[TaxonomyCategory]


class TaxonomyPage(Answer):
    """A page of versions, the newest first."""

    items: list[TaxonomyEntry]
    next_cursor: NextCursor


class ShippedTaxonomy(Answer):
    """A taxonomy of the product."""

    key: Shown = Field(description="What it is chosen by")
    name: Shown
    description: Shown
    categories: list[TaxonomyCategory]


class ShippedTaxonomies(Answer):
    """The taxonomies that ship with the product."""

    items: list[ShippedTaxonomy]
