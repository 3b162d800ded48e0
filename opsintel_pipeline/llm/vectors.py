"""Requests for vectors of texts and their answers, in each provider's own form.

litellm has no translator of these but vLLM's: for the others its clients do it, and its Gemini request would take a
message that begins with `gs://` or `data:` for a file to read. The forms are the providers' published ones
(`tests/peers/published.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opsintel.errors import InputError
from opsintel.llm.call import Answer, Call
from opsintel.llm.packed import packed
from opsintel_pipeline.llm.reply import Reply
from opsintel_pipeline.llm.translate import Wire


def request_of(call: Call) -> Wire:
    """Return a call for vectors in its provider's form; raises `InputError` where the provider has none."""
    base, key = call.base_url.rstrip("/"), call.api_key.reveal().decode() if call.api_key else ""
    texts = [message["content"] for message in call.messages]
    bearer = {"Authorization": f"Bearer {key}"} if key else {}
    match call.provider:
        case "openai" | "vllm":
            body: Mapping[str, Any] = {"model": call.model, "input": texts, "encoding_format": "float"}
            return Wire(f"{base}/embeddings", bearer, body)
        case "gemini":
            model = f"models/{call.model}"
            body = {"requests": [{"model": model, "content": {"parts": [{"text": text}]}} for text in texts]}
            return Wire(f"{base}/{model}:batchEmbedContents", {"x-goog-api-key": key}, body)
        case "ollama":
            return Wire(f"{base}/api/embed", bearer, {"model": call.model, "input": texts})
        case _:
            raise InputError(f"{call.provider} has no models for vectors")


def answer_of(call: Call, reply: Reply, latency_ms: int) -> Answer:
    """Return the vectors that a provider answered with, packed; any error for nonsense."""
    told = reply.json()
    tokens = 0  # Gemini counts none
    match call.provider:
        case "gemini":
            vectors: Sequence[Sequence[float]] = [each["values"] for each in told["embeddings"]]
        case "ollama":
            vectors, tokens = told["embeddings"], told.get("prompt_eval_count") or 0
        case _:
            vectors = [each["embedding"] for each in sorted(told["data"], key=lambda each: int(each["index"]))]
            tokens = told["usage"]["prompt_tokens"]
    if len(vectors) != len(call.messages):
        raise ValueError("not a vector for each text")
    return Answer(
        content=packed(vectors), is_cut=False, tokens_in=int(tokens), tokens_out=0, tokens_cached=0,
        latency_ms=latency_ms,
    )  # fmt: skip
