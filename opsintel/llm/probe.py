"""Try a key with the very model and the very form of request that it will be used with."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from opsintel.ids import new_id
from opsintel.llm.ask import InvalidAnswer, NoAnswer
from opsintel.llm.budget import Work
from opsintel.llm.call import Way
from opsintel.llm.chain import Link, chain_of
from opsintel.llm.parked import due_now
from opsintel.llm.question import Question
from opsintel.llm.vectors import vectors_by

if TYPE_CHECKING:
    from opsintel.context import Context

_QUESTION = Question(
    work=Work("probe"),
    system="You classify one word. Answer in the form of the schema.",
    text='Is "yes" an affirmation?',
    schema={
        "type": "object",
        "properties": {"is_affirmation": {"type": "boolean"}},
        "required": ["is_affirmation"],
        "additionalProperties": False,
    },
    max_tokens=100,
)


@dataclass(frozen=True, slots=True)
class Probed:
    """How a try went: `health` as the key has it, the way of asking that the model takes ('' for none)."""

    model: str
    health: str
    detail: str
    way: str = ""


def probe_key(context: Context, tenant_id: UUID, key_id: UUID) -> list[Probed]:
    """Try a key with each model that chains use by it, also while it rests; none where no chain does.

    Each is asked for what it is used for: an answer, or a vector.
    """
    with context.database.tenant_tx(tenant_id) as connection:
        links = [*chain_of(connection, "analyse"), *chain_of(connection, "name_issue")]
        embedding = chain_of(connection, "embed")
    answering = {link.model: replace(link, retry_at=None) for link in links if link.key_id == key_id}
    return [
        *(probe(context, tenant_id, link) for link in answering.values()),
        *(_probe_vectors(context, tenant_id, replace(each, retry_at=None)) for each in embedding
          if each.key_id == key_id),
    ]  # fmt: skip


def probe(context: Context, tenant_id: UUID, link: Link) -> Probed:
    """Ask a model of a key one short question that has the form of all others, and return how that went.

    What it finds is the key's health from then on; where it is well, parked work is tried again. It costs a call, which
    is in the ledger like every other.
    """
    # Words of its own: an answer that is kept would say nothing of the key as it is now.
    question = replace(_QUESTION, text=f"{_QUESTION.text} (attempt {new_id()})")
    try:
        asked = context.asker.ask(tenant_id, [link], question, _read)
    except NoAnswer as error:
        return Probed(link.model, error.reason, error.message)
    return _well(context, tenant_id, link, asked.way)


def _probe_vectors(context: Context, tenant_id: UUID, link: Link) -> Probed:
    """Ask a model for the vector of a text that nobody has asked for yet; else as `probe`."""
    try:
        vectors_by(context.asker, tenant_id, link, _QUESTION.work, [f"Attempt {new_id()}"])
    except NoAnswer as error:
        return Probed(link.model, error.reason, error.message)
    return _well(context, tenant_id, link, Way.VECTORS)


def _well(context: Context, tenant_id: UUID, link: Link, way: Way) -> Probed:
    with context.database.tenant_tx(tenant_id) as connection:
        due_now(connection)
    return Probed(link.model, "valid", "", way.value)


def _read(content: str) -> bool:
    try:
        answer = json.loads(content)
    except ValueError:
        raise InvalidAnswer("it is no JSON") from None
    if not isinstance(answer, dict) or not isinstance(answer.get("is_affirmation"), bool):
        raise InvalidAnswer("it has no is_affirmation that is true or false")
    return bool(answer["is_affirmation"])
