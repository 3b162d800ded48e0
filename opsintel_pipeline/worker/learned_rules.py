"""Learned rules whose messages are not all in line yet: there were many, or a process died over them."""

from __future__ import annotations

from uuid import UUID

from opsintel.context import Context
from opsintel.learning.deciding import put_off, settle, waiting
from opsintel_pipeline.worker.errands import Errands


def perform(context: Context, tenant_id: UUID, rule_id: UUID) -> None:
    """Bring the messages of a rule in line, from where that stopped."""
    settle(context.database, tenant_id, rule_id)


LEARNED_RULES = Errands("learned rule", waiting, perform, put_off, 1)
