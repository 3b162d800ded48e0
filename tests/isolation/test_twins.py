"""What the pipeline does over all tenants, tried on two whose rows have the same ids."""

from __future__ import annotations

import pytest

from tests.isolation import twins
from tests.isolation.world import World


class TestActingForOneOfTwoTenantsWithEqualIds:
    @pytest.mark.parametrize("act", twins.ACTS, ids=lambda act: act.__name__)
    def test_leaves_the_other_as_it_was(self, world: World, act: twins.Act) -> None:
        twins.leave_the_other_alone(world, act)
