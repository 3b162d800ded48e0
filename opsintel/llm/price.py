"""What models cost, by the price list that litellm carries; read without loading litellm itself."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from opsintel.llm.provider import provider_of

_LIST = "model_prices_and_context_window_backup.json"


@dataclass(frozen=True, slots=True)
class Price:
    """USD a token."""

    input: Decimal
    output: Decimal
    cached: Decimal
    """Of input that the provider had cached."""

    written: Decimal
    """Of input that the provider puts into its cache."""

    def cost(self, tokens_in: int, tokens_out: int, tokens_cached: int = 0, tokens_written: int = 0) -> Decimal:
        """Return the cost of a call in USD; cached and written tokens are part of `tokens_in`."""
        fresh = tokens_in - tokens_cached - tokens_written
        of_cache = tokens_cached * self.cached + tokens_written * self.written
        return fresh * self.input + of_cache + tokens_out * self.output

    def most(self, tokens_in: int, tokens_out: int) -> Decimal:
        """Return the most that a call can cost in USD, whatever the provider does with its cache."""
        return tokens_in * max(self.input, self.cached, self.written) + tokens_out * self.output


_BATCHES = "_batches"
"""What the list adds to the name of a price for calls in a batch."""

FREE = Price(Decimal(0), Decimal(0), Decimal(0), Decimal(0))


def price_of(provider: str, model: str) -> Price | None:
    """Return the price of a model; None where it is unknown, which is not the same as nothing."""
    row = provider_of(provider)
    if row.is_free:
        return FREE
    listed = _listed()
    for name in (model, f"{row.carrier}/{model}"):
        entry = listed.get(name)
        if entry is not None and entry.get("litellm_provider") == row.carrier and "input_cost_per_token" in entry:
            return _price(entry)
    return None


def batch_price_of(provider: str, model: str) -> Price | None:
    """Return the price of a model within a batch; None where the list has none."""
    carrier = provider_of(provider).carrier
    for name in (model, f"{carrier}/{model}"):
        entry = _listed().get(name, {})
        if entry.get("litellm_provider") == carrier and f"input_cost_per_token{_BATCHES}" in entry:
            return _price({name.removesuffix(_BATCHES): entry[name] for name in entry if name.endswith(_BATCHES)})
    return None


def _price(entry: dict[str, Any]) -> Price:
    return Price(
        Decimal(str(entry["input_cost_per_token"])),
        Decimal(str(entry.get("output_cost_per_token", 0))),
        Decimal(str(entry.get("cache_read_input_token_cost", entry["input_cost_per_token"]))),
        Decimal(str(entry.get("cache_creation_input_token_cost", entry["input_cost_per_token"]))),
    )


@cache
def _listed() -> dict[str, dict[str, Any]]:
    found = importlib.util.find_spec("litellm")
    assert found is not None
    assert found.submodule_search_locations
    listed: dict[str, dict[str, Any]] = json.loads((Path(found.submodule_search_locations[0]) / _LIST).read_bytes())
    return listed
