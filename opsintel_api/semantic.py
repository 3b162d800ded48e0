"""The vector of a question, by the embedder that a tenant's messages were embedded with."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from opsintel.embeddings.embedder import Embedder
from opsintel.settings import Settings
from opsintel_api.reading import Reading, statement

CACHED_EMBEDDERS = 8


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """The embedder that a tenant's new messages use."""

    name: str
    version: str
    built_in: bool


_embedders: OrderedDict[tuple[UUID, str], Embedder] = OrderedDict()


async def current_model(connection: Any) -> EmbeddingModel | None:
    """Return the tenant's current embedder; None before its first messages were embedded."""
    row = await connection.fetchrow(statement("embedding_model"))
    return EmbeddingModel(*row) if row else None


async def query_vector(reader: Reading, model: EmbeddingModel, question: str) -> str | None:
    """Return the vector as PostgreSQL reads it; None when the question holds no known word, or when the weights that
    the messages were embedded with are not on this machine.
    """
    embedder = await _embedder(reader, model)
    if embedder is None:
        return None
    vector = (await asyncio.to_thread(embedder.embed, [question]))[0]
    if not vector.any():
        return None
    return "[" + ",".join(f"{value:.8g}" for value in vector.tolist()) + "]"


async def _embedder(reader: Reading, model: EmbeddingModel) -> Embedder | None:
    key = (reader.principal.tenant_id, model.version)
    if key not in _embedders:
        async with reader.transaction() as connection:
            state = await connection.fetchval(statement("embedding_state"), model.version)
        loaded = await asyncio.to_thread(_load, state, reader.services.settings)
        if loaded is None or loaded.version != model.version:
            return None
        _embedders[key] = loaded
        while len(_embedders) > CACHED_EMBEDDERS:
            _embedders.popitem(last=False)
    _embedders.move_to_end(key)
    return _embedders[key]


def _load(state: bytes | None, settings: Settings) -> Embedder | None:
    """Return the fitted embedder of a state, or the sentence model at hand; a request never fetches weights.

    None also for a state of another release: the next day that is processed fits a new one.
    """
    # scikit-learn takes half of the time in which an API starts; only this needs it.
    from opsintel.embeddings.choose import choose_embedder
    from opsintel.embeddings.lexical import LexicalEmbedder

    if state is not None:
        try:
            return LexicalEmbedder.from_bytes(state)
        except ValueError:
            return None
    embedder, _reason = choose_embedder(settings.model_copy(update={"embedding_download": False}))
    return embedder
