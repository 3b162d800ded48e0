"""Vectors of texts by a model: many texts in one call, which is tried, paid and kept like every other.

Vectors longer than `LONGEST` are cut: PostgreSQL indexes none beyond 2,000 values (pgvector), and the models that give
more are trained so that the beginning says most (Matryoshka representation learning, Kusupati et al. 2022).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from opsintel.embeddings.embedder import normalized
from opsintel.llm.ask import Asker, NoAnswer
from opsintel.llm.budget import Work
from opsintel.llm.call import Way
from opsintel.llm.chain import Link
from opsintel.llm.charge import Spent
from opsintel.llm.packed import unpacked
from opsintel.llm.question import Question

TEXTS_A_CALL = 64
"""Gemini takes 100 at most."""

LONGEST = 2_000
CUT_TO = 1_536

RECIPE = 1
"""What is done with texts before, and with vectors after, in one number: another one makes other vectors."""


def version_of(link: Link) -> str:
    """Return the identity of the vectors of a model: those of two versions are never compared.

    Another key to the same model at the same address makes the same vectors.
    """
    parts = json.dumps([link.provider, link.base_url, link.model, RECIPE])
    return f"{link.model}-{hashlib.sha256(parts.encode()).hexdigest()[:16]}"


def vectors_by(asker: Asker, tenant_id: UUID, link: Link, work: Work, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return a vector of length 1 for each text, in their order; none of the texts is empty. Raises `NoAnswer`."""
    question = Question(work, "", "", {}, max_tokens=0)
    messages = [{"role": "user", "content": text} for text in texts]
    answer, _, _ = asker.answered(tenant_id, link, question, messages, [Way.VECTORS], Spent())
    length, values = unpacked(answer.content)
    vectors = np.frombuffer(values, np.float32).reshape(-1, length)
    if len(vectors) != len(texts) or not np.isfinite(vectors).all():
        message = f"{link.model} gave {len(vectors)} vectors of {len(texts)} texts, or some that are none"
        raise NoAnswer("invalid", message, until=None)
    return normalized(vectors if length <= LONGEST else vectors[:, :CUT_TO])
