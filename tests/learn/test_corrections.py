"""What a field can be corrected to is what an analysis can say."""

from typing import get_args

from opsintel.learning.corrections import CHOICES, fault_of
from opsintel_api.models.corrections import CorrectedField
from opsintel_pipeline.analyze.profile import SENTIMENTS, Impact, NotActionable, RequestKind, Urgency


class TestChoices:
    def test_are_those_of_the_profile(self) -> None:
        assert {
            "kind": tuple(kind.value for kind in RequestKind),
            "severity": (1, 2, 3, 4, 5),
            "sentiment": SENTIMENTS,
            "impact": get_args(Impact),
            "urgency": get_args(Urgency),
            "not_actionable_reason": (None, *(reason.value for reason in NotActionable)),
        } == CHOICES

    def test_are_of_every_field_but_the_category(self) -> None:
        assert {*CHOICES, "category"} == set(get_args(CorrectedField))

    def test_a_category_is_a_path(self) -> None:
        assert fault_of("category", "Billing / Invoices / Tax") == ""
        for value in ("", " / Tax", "a / b / c / d", "x" * 81, None, 4):
            assert "levels" in fault_of("category", value)
