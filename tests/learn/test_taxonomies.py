"""Taxonomies: what one may say, and those that ship with the product."""

from __future__ import annotations

from typing import Any

import pytest

from opsintel.errors import InputError
from opsintel.taxonomy.shipped import shipped, shipped_as, unchosen
from opsintel.taxonomy.taxonomy import MOST_CATEGORIES, OTHER, Taxonomy, categories_of, documents_of

TAX: dict[str, Any] = {"path": ["Billing", "Tax"], "description": "Wrong tax", "examples": ["the tax is wrong"]}
TITLES = {"operations": "Operations", "product": "Product feedback", "support": "Support"}
WRONG = {
    "nothing": [],
    "no list": {"path": ["a"]},
    "too many": [{"path": [f"c{number}"]} for number in range(MOST_CATEGORIES + 1)],
    "no path": [{"description": "x"}],
    "four levels": [{"path": ["a", "b", "c", "d"]}],
    "an empty level": [{"path": ["a", " "]}],
    "a long level": [{"path": ["x" * 81]}],
    "levels in one": [{"path": ["Billing / Tax"]}],
    "a path as text": [{"path": "Billing"}],
    "a further field": [TAX | {"weight": 2}],
    "a long example": [TAX | {"examples": ["x" * 501]}],
    "a number": [TAX | {"description": 4}],
    "one twice": [TAX, {"path": [" Billing", "Tax "]}],
    "too much in all": [{"path": [f"c{n}"], "examples": ["x" * 500] * 40} for n in range(4)],
}


class TestCategories:
    def test_are_read_as_they_are_written(self) -> None:
        (category,) = categories_of([TAX])
        assert (category.name, category.description, category.examples) == (
            "Billing / Tax", "Wrong tax", ("the tax is wrong",),
        )  # fmt: skip
        assert documents_of([category]) == [TAX]

    def test_are_one_line_each_and_steer_no_terminal(self) -> None:
        (category,) = categories_of([{"path": ["Billing\n"], "description": "a\u202eb\x1b[2J"}])
        assert (category.path, category.description) == (("Billing",), "a\\u202eb\\x1b[2J")

    @pytest.mark.parametrize("given", list(WRONG.values()), ids=list(WRONG))
    def test_that_cannot_be_used_are_refused(self, given: Any) -> None:
        with pytest.raises(InputError):
            categories_of(given)


class TestTaxonomy:
    def test_has_what_fits_nothing(self) -> None:
        assert Taxonomy(1, "Ours", categories_of([TAX])).names == ("Billing / Tax", OTHER)
        assert Taxonomy(1, "Ours", categories_of([{"path": [OTHER]}, TAX])).names == (OTHER, "Billing / Tax")

    def test_is_known_by_what_it_says(self) -> None:
        one, same, other = (
            Taxonomy(1, "Ours", categories_of([TAX | {"description": said}])) for said in ("a", "a", "b")
        )
        assert one.digest == same.digest != other.digest


class TestShipped:
    def test_are_of_support_operations_and_product_feedback(self) -> None:
        assert {one.key: one.name for one in shipped()} == TITLES

    @pytest.mark.parametrize("key", list(TITLES))
    def test_say_of_each_category_what_it_is_in_three_languages(self, key: str) -> None:
        for category in shipped_as(key).categories:
            assert category.description
            assert len(category.examples) >= 3

    def test_one_is_that_of_who_chose_none(self) -> None:
        assert (unchosen().version, unchosen().name) == (0, "Support")

    def test_another_is_refused(self) -> None:
        with pytest.raises(InputError, match="no taxonomy"):
            shipped_as("sales")
