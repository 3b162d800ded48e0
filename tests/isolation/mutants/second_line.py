"""Places whose removal alone harms nobody, since a second line of defence holds: both are taken away, and it shows."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from tests.isolation.mutants.runner import Bench, Place, places


@dataclass(frozen=True, slots=True)
class SecondLine:
    """A place by words of its line, the other that holds without it, and why that is enough."""

    first: str
    second: str
    why: str

    def holds_for(self, place: Place) -> bool:
        """Tell whether it is about this place."""
        return self.first in str(place)

    async def caught_by(self, bench: Bench, place: Place) -> str:
        """Return what notices when both are away; "" when nothing does."""
        others = [other for other in places(bench.world.admin_url) if self.second in str(other)]
        for probe in bench.probes_for(place):
            with ExitStack() as away:
                for gone in (place, *others):
                    away.enter_context(bench.without(gone))
                fault = await bench.fault(probe)
            if fault:
                return f"{probe.test}: {fault}"
        return ""


SECOND_LINES: tuple[SecondLine, ...] = (
    SecondLine(
        "outbox.tenant_id = waiting.tenant_id",
        "outbox.tenant_id = taken.tenant_id",
        "a row that was read for another tenant is not updated",
    ),
    SecondLine(
        ".mart policy lets every row pass",
        ".mart policy lets every row pass",
        "views join the table, tenant by tenant, to one whose own policy leaves rows of one tenant alone",
    ),
    SecondLine(
        "of limited view joins any tenant",
        ".further_limited policy lets every row pass",
        "the policies of the role of limited members leave it rows of one tenant alone",
    ),
    SecondLine(
        "of mart view joins any tenant",
        ".mart policy lets every row pass",
        "the policies of the views' owner leave it rows of one tenant alone; the comparison lets an index be used",
    ),
)
