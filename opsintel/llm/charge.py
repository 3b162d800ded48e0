"""What a call is known by, the most it can cost, and what it did cost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from opsintel.llm.call import Answer, Call, Way
from opsintel.llm.chain import Link

TOKENS_AROUND = 50
"""Of a request beside its texts."""

BYTES_A_TOKEN = 3
"""Of UTF-8, in what is set aside: English has more than four, Chinese about three."""


@dataclass
class Spent:
    """What the calls about one question took so far. `cost_usd` None: the price is unknown."""

    attempts: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    latency_ms: int = 0
    cost_usd: Decimal | None = field(default_factory=Decimal)

    def add(self, answer: Answer, cost: Decimal | None) -> None:
        """Count an answer and what it cost."""
        self.tokens_in += answer.tokens_in
        self.tokens_out += answer.tokens_out
        self.tokens_cached += answer.tokens_cached
        self.latency_ms += answer.latency_ms
        self.cost_usd = None if self.cost_usd is None or cost is None else self.cost_usd + cost


def call_key(
    link: Link, schema: Mapping[str, Any], max_tokens: int, messages: Sequence[Mapping[str, str]], way: Way
) -> str:
    """Return the SHA-256 (hex) of all that an answer depends on."""
    parts = [link.provider, link.base_url, link.model, way.value, max_tokens, schema, list(messages)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace")).hexdigest()


def most_of(link: Link, call: Call) -> Decimal | None:
    """Return the most that a call can cost; None where the price is unknown."""
    if link.price is None:
        return None
    return link.price.most(_tokens_in(call), call.max_tokens)


def cost_of(link: Link, call: Call, answer: Answer) -> Decimal | None:
    """Return what a call cost; a server that counts no tokens is counted for."""
    if link.price is None:
        return None
    if call.way is Way.VECTORS:
        return link.price.cost(answer.tokens_in or _tokens_in(call), 0)
    if not answer.tokens_in and not answer.tokens_out:
        return link.price.cost(_tokens_in(call), len(answer.content.encode("utf-8", "replace")) // BYTES_A_TOKEN + 1)
    return link.price.cost(answer.tokens_in, answer.tokens_out, answer.tokens_cached, answer.tokens_written)


def _tokens_in(call: Call) -> int:
    texts = [*(message["content"] for message in call.messages), json.dumps(call.schema or {})]
    return sum(len(text.encode("utf-8", "replace")) for text in texts) // BYTES_A_TOKEN + TOKENS_AROUND
