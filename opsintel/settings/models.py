"""Model providers and embeddings."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from opsintel.settings.declaration import OptionalSecret, WebUrl, setting


class ModelSettings(BaseModel):
    """Model providers and embeddings."""

    openai_api_key: OptionalSecret = setting(
        "OPENAI_API_KEY",
        default=None,
        meaning="Platform default for OpenAI; a tenant's own key wins",
        example="sk-...",
        absent="offered only to tenants with a key",
    )
    anthropic_api_key: OptionalSecret = setting(
        "ANTHROPIC_API_KEY",
        default=None,
        meaning="Platform default for Anthropic; a tenant's own key wins",
        example="sk-ant-...",
        absent="offered only to tenants with a key",
    )
    gemini_api_key: OptionalSecret = setting(
        "GEMINI_API_KEY",
        default=None,
        meaning="Platform default for Google Gemini; a tenant's own key wins",
        example="AIza...",
        absent="offered only to tenants with a key",
    )
    platform_ceiling_usd: float = setting(
        "OPSINTEL_PLATFORM_CEILING_USD",
        default=10.0,
        meaning="What calls by the three keys above may cost a tenant in a month, in USD",
        example="25",
        absent="`10`",
        ge=0,
        le=1_000_000,
        allow_inf_nan=False,
    )
    ollama_base_url: WebUrl = setting(
        "OLLAMA_BASE_URL",
        default="http://localhost:11434",
        meaning="Local models by Ollama",
        example="http://localhost:11434",
        absent="`http://localhost:11434`",
    )
    embedding_weights: Path | None = setting(
        "OPSINTEL_EMBEDDING_WEIGHTS",
        default=None,
        meaning="Folder with model.onnx and tokenizer.json of a sentence embedding model",
        example="/srv/models/all-MiniLM-L6-v2",
        absent="the local cache, else fetched once from the model's public hub, else the lexical embedder",
    )
    embedding_download: bool = setting(
        "OPSINTEL_EMBEDDING_DOWNLOAD",
        default=True,
        meaning="Whether set-up may fetch the embedding weights from their public hub",
        example="false",
        absent="`true`",
    )
