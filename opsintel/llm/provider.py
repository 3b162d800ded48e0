"""The table of model providers. Everything else about a provider is derived from its row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

from opsintel.errors import InputError

Purpose = Literal["analyse", "name_issue", "embed"]
"""What a tenant uses models for; each purpose has a chain of its own."""

CACHE_WRITE = Decimal("1.25")
"""Times the price of input for what is put into a cache by a mark (Anthropic's prompt caching, five minutes)."""

PURPOSES: tuple[Purpose, ...] = ("analyse", "name_issue", "embed")


@dataclass(frozen=True, slots=True)
class Provider:
    """A row of the table."""

    name: str
    title: str
    carrier: str
    """litellm's name of it, which translates requests and answers."""

    base_url: str | None
    """Address of its interface; None: each key names one."""

    needs_key: bool
    model: str
    """What is used unless a tenant says otherwise; "" where that depends on the server. Only a default: which models
    there are is the tenant's data."""

    embedding_model: str | None = ""
    """The same of models for vectors; None: the provider has none."""

    is_free: bool = False
    """Whether its calls cost nothing, whatever the model."""

    marks_cache: bool = False
    """Whether what stays the same in requests has to be marked to be cached; others cache by themselves or not at
    all."""

    batch_requests: int = 0
    """Requests that one batch of its batch interface takes; 0: it has none."""

    batch_bytes: int = 0
    """Bytes that these have together."""


PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        row.name: row
        for row in (
            Provider(
                "openai", "OpenAI", "openai", "https://api.openai.com/v1", True, "gpt-4o-mini",
                "text-embedding-3-small", batch_requests=50_000, batch_bytes=200_000_000,
            ),
            Provider(
                "anthropic", "Anthropic", "anthropic", "https://api.anthropic.com", True, "claude-haiku-4-5", None,
                marks_cache=True, batch_requests=100_000, batch_bytes=256_000_000,
            ),
            Provider(
                "gemini", "Google Gemini", "gemini", "https://generativelanguage.googleapis.com/v1beta", True,
                "gemini-2.5-flash", "gemini-embedding-001", batch_requests=50_000, batch_bytes=20_000_000,
            ),
            Provider("ollama", "Ollama", "ollama_chat", None, False, "llama3.2", "nomic-embed-text", is_free=True),
            Provider("vllm", "vLLM or another server with OpenAI's interface", "hosted_vllm", None, False, ""),
        )
    }
)  # fmt: skip
"""By name. Ollama's address is the operator's `OLLAMA_BASE_URL` unless a key names another."""


def provider_of(name: str) -> Provider:
    """Return a provider by its name; `InputError` for none."""
    if name not in PROVIDERS:
        raise InputError(f"{name!r} is no model provider", remedy=f"Use {', '.join(PROVIDERS)}")
    return PROVIDERS[name]
