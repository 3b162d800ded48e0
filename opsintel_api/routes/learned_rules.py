"""Learned rules: shown with their evidence and what they change, accepted, rejected, undone."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from opsintel.learning import deciding, rules
from opsintel_api.models.learned_rules import LearnedRuleDetail, LearnedRulePage, RuleParameters
from opsintel_api.problems import responses
from opsintel_api.reading import JSON, Reader, Reading
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router

routes = protected_router("learned rules")


@routes.get("/learned-rules", response_model=LearnedRulePage)
async def list_learned_rules(reader: Reader, parameters: Annotated[RuleParameters, Query()]) -> Response:
    """Return rules that corrections suggest, latest first, those that a person decided on too."""
    return reader.answer(await reader.page("learned_rules", parameters, parameters.state))


@routes.get(
    "/learned-rules/{learned_rule_id}",
    response_model=LearnedRuleDetail,
    responses=responses(404),
    dependencies=[WITHOUT_PARAMETERS],
)
async def get_learned_rule(reader: Reader, learned_rule_id: UUID) -> Response:
    """Return a rule with its evidence, and what it changes, or would change, of the last 30 days."""
    return reader.answer(await _shown(reader, learned_rule_id))


@routes.post(
    "/learned-rules/{learned_rule_id}/accept",
    response_model=LearnedRuleDetail,
    responses=responses(404, 409),
    dependencies=[WITHOUT_PARAMETERS],
)
async def accept_learned_rule(reader: Reader, learned_rule_id: UUID) -> Response:
    """Have a rule hold for all messages that it goes for, those that are stored and those to come."""
    return await _decided(reader, learned_rule_id, "accepted")


@routes.post(
    "/learned-rules/{learned_rule_id}/reject",
    response_model=LearnedRuleDetail,
    responses=responses(404, 409),
    dependencies=[WITHOUT_PARAMETERS],
)
async def reject_learned_rule(reader: Reader, learned_rule_id: UUID) -> Response:
    """Put a proposal away: it is not proposed again."""
    return await _decided(reader, learned_rule_id, "rejected")


@routes.post(
    "/learned-rules/{learned_rule_id}/undo",
    response_model=LearnedRuleDetail,
    responses=responses(404, 409),
    dependencies=[WITHOUT_PARAMETERS],
)
async def undo_learned_rule(reader: Reader, learned_rule_id: UUID) -> Response:
    """Take a rule back: its messages show again what stood before it."""
    return await _decided(reader, learned_rule_id, "undone")


async def _decided(reader: Reading, rule_id: UUID, state: deciding.State) -> Response:
    """Decide, and bring the first page of messages in line; the worker goes on with the others."""
    principal, database = reader.principal, reader.services.context.database

    def write() -> None:
        with database.tenant_tx(principal.tenant_id) as connection:
            deciding.decide(connection, principal.tenant_id, principal.actor, rule_id, state)
        deciding.settle(database, principal.tenant_id, rule_id, pages=1)

    await asyncio.to_thread(write)
    return Response(await _shown(reader, rule_id), media_type=JSON)


async def _shown(reader: Reading, rule_id: UUID) -> str:
    rule = json.loads(await reader.one("learned_rule", rule_id))

    def look() -> tuple[rules.Effect, list[rules.Evidence]]:
        with reader.services.context.database.tenant_tx(reader.principal.tenant_id) as connection:
            return rules.effect(connection, rule_id), rules.evidence(connection, rule_id)

    found, evidence = await asyncio.to_thread(look)
    samples = [{"message_id": str(one), "subject": subject, "shown": shown} for one, subject, shown in found.samples]
    told = [{**one._asdict(), "message_id": str(one.message_id)} for one in evidence]
    return json.dumps({**rule, "evidence": told, "changes": {"messages": found.messages, "samples": samples}})
