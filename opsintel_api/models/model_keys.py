"""A tenant's own keys to model providers, and the chains of models that serve its purposes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, SecretStr

from opsintel.llm.chain import MODEL_LIMIT
from opsintel.llm.keys import NAME_LIMIT, Health
from opsintel.llm.provider import Purpose
from opsintel_api.models.common import Answer, Parameters
from opsintel_api.models.jobs import Job

MAXIMUM_LINKS = 20
MOST_PRICE = 1_000_000

ID = "01993c5e-7c00-7000-8000-000000000012"
PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
ProviderName = Literal["openai", "anthropic", "gemini", "ollama", "vllm"]
Model = Annotated[
    str, Field(min_length=1, max_length=MODEL_LIMIT, pattern=PRINTABLE, description="As the provider calls it")
]
Value = Annotated[SecretStr, Field(min_length=1, max_length=4096, description="The key itself; it is never shown")]
Price = Annotated[float, Field(ge=0, le=MOST_PRICE, allow_inf_nan=False)]

KEY_REQUEST_EXAMPLE: dict[str, Any] = {"provider": "openai", "name": "Production", "value": "sk-…"}
KEY_EXAMPLE: dict[str, Any] = {
    "id": ID,
    "name": "Production",
    "provider": "openai",
    "base_url": "https://api.openai.com/v1",
    "has_value": True,
    "of_platform": False,
    "previous_until": None,
    "health": "valid",
    "detail": "",
    "checked_at": "2026-11-23T09:00:00Z",
    "valid_at": "2026-11-23T09:00:00Z",
    "retry_at": None,
    "created_at": "2026-11-22T09:00:00Z",
}
CHAIN_REQUEST_EXAMPLE: dict[str, Any] = {
    "purpose": "analyse",
    "links": [
        {"model_key_id": ID, "model": "gpt-4o-mini"},
        {"model_key_id": ID, "model": "gpt-4o", "input_price": 2.5, "output_price": 10},
    ],
}


class ModelKeyRequest(Parameters):
    """A key to be stored, with the model that it is for."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [KEY_REQUEST_EXAMPLE]})

    provider: ProviderName
    name: Annotated[str, Field(min_length=1, max_length=NAME_LIMIT, pattern=PRINTABLE)] | None = Field(
        None, description="Name shown to people; default: the provider's"
    )
    value: Value | None = Field(None, description="The key itself; Ollama and vLLM may do without")
    base_url: Annotated[str, Field(min_length=1, max_length=2000, pattern=PRINTABLE)] | None = Field(
        None, description="Address of the interface; default: the provider's"
    )
    model: Model | None = Field(None, description="Goes to the end of the chain; default: a small one of the provider")
    purpose: Purpose = Field("analyse", description="Whose chain that is")
    of_platform: bool = Field(False, description="Use the installation's key: without a value or address")


class ModelKeyRotation(Parameters):
    """Another value of a key."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"value": "sk-…"}]})

    value: Value


class ModelKey(Answer):
    """A key to a provider, without its value, and how it does."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [KEY_EXAMPLE]})

    id: UUID
    name: str
    provider: ProviderName
    base_url: str = Field(description="Address its calls go to")
    has_value: bool = Field(description="False for a server that takes no key, and for the installation's")
    of_platform: bool = Field(description="Whether it goes by the installation's key")
    previous_until: datetime | None = Field(description="Until when the value before the last rotation is taken too")
    health: Health
    detail: str = Field(description="Why, in words; '' while it is well")
    checked_at: datetime | None = Field(description="When that was found")
    valid_at: datetime | None = Field(description="When it was last seen well")
    retry_at: datetime | None = Field(description="From when it is tried again; null while it is used")
    created_at: datetime


class ModelKeyList(Answer):
    """Keys, by name."""

    offered: list[ProviderName] = Field(description="Providers to which the installation offers a key of its own")
    items: list[ModelKey]


class TestedModelKey(Answer):
    """A key that was stored or rotated just now, and the job that tries it."""

    key: ModelKey
    job: Job


class ChainLinkRequest(Parameters):
    """A model of a chain. Prices are given where the tenant knows better than the list, both or none."""

    model_key_id: UUID
    model: Model
    input_price: Price | None = Field(None, description="USD a million tokens in; null: what is known already")
    output_price: Price | None = Field(None, description="USD a million tokens out")


class ChainRequest(Parameters):
    """The chain of a purpose, whole."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [CHAIN_REQUEST_EXAMPLE]})

    purpose: Purpose
    links: Annotated[list[ChainLinkRequest], Field(max_length=MAXIMUM_LINKS)] = Field(
        description="In the order they are tried; none: the built-in does it"
    )
    override: Annotated[str, Field(min_length=3, max_length=1000, pattern=r"^[^\x00]*$")] | None = Field(
        None, description="Why it is put in force though the gate holds it; kept as a shadow run, and in the audit log"
    )


class ChainLink(Answer):
    """A model of a chain, with its price."""

    model_key_id: UUID
    key: str = Field(description="Name of the key")
    provider: ProviderName
    model: str
    health: Health = Field(description="Of the key")
    input_price: float | None = Field(description="USD a million tokens in; null: unknown, so that no ceiling holds it")
    output_price: float | None = Field(description="USD a million tokens out")


class Chain(Answer):
    """Which models serve a purpose, in the order they are tried."""

    purpose: Purpose
    links: list[ChainLink]


class ChainList(Answer):
    """The chain of every purpose."""

    items: list[Chain]
    notice: str | None = Field(description="What is to be known of a change that the gate did not measure")
