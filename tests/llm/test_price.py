"""Prices of the list that litellm carries."""

from __future__ import annotations

from decimal import Decimal

import pytest

from opsintel.llm.price import price_of
from opsintel.llm.provider import PROVIDERS


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "gpt-4o-mini"), ("openai", "gpt-4o"), ("anthropic", "claude-haiku-4-5"), ("gemini", "gemini-2.5-pro")],
)
def test_a_cost_is_that_of_litellm(provider: str, model: str) -> None:
    from opsintel_pipeline.llm import translate  # keeps litellm off the network

    del translate
    import litellm

    price = price_of(provider, model)
    assert price is not None
    sent, received = litellm.cost_per_token(
        model=model, prompt_tokens=1000, completion_tokens=200, custom_llm_provider=PROVIDERS[provider].carrier
    )
    assert abs(price.cost(1000, 200) - Decimal(str(sent + received))) < Decimal("1e-9")


def test_what_is_cached_is_cheaper() -> None:
    price = price_of("openai", "gpt-4o-mini")
    assert price is not None
    assert price.cost(1000, 0, 800) < price.cost(1000, 0)


def test_what_goes_into_the_cache_costs_what_litellm_says_and_is_set_aside() -> None:
    from opsintel_pipeline.llm import translate  # keeps litellm off the network

    del translate
    import litellm

    price = price_of("anthropic", "claude-haiku-4-5")
    assert price is not None
    sent, received = litellm.cost_per_token(
        model="claude-haiku-4-5", prompt_tokens=1000, completion_tokens=200, custom_llm_provider="anthropic",
        cache_creation_input_tokens=600, cache_read_input_tokens=300,
    )  # fmt: skip
    assert abs(price.cost(1000, 200, 300, 600) - Decimal(str(sent + received))) < Decimal("1e-9")
    assert price.cost(1000, 200, 0, 1000) == price.most(1000, 200) > price.cost(1000, 200)


def test_an_unknown_price_is_none_and_that_of_an_own_server_too() -> None:
    assert price_of("openai", "gpt-99") is None
    assert price_of("vllm", "meta-llama/Llama-3.2-3B") is None


def test_ollama_is_free() -> None:
    price = price_of("ollama", "llama3.2")
    assert price is not None
    assert price.cost(10**6, 10**6) == 0


def test_every_default_model_of_a_paid_provider_has_one() -> None:
    assert [row.name for row in PROVIDERS.values() if row.needs_key and price_of(row.name, row.model) is None] == []
