"""Which embedder an installation has: an operator's weights, else the cache, else the hub, else the lexical one."""

from __future__ import annotations

import threading
import time
from functools import cache
from pathlib import Path

from opsintel.embeddings.embedder import Embedder
from opsintel.embeddings.onnx import MODEL_NAME, PINNED, OnnxEmbedder, fetch_weights
from opsintel.errors import UnavailableError
from opsintel.settings import Settings

RETRY_SECONDS = 24 * 3600
_lock = threading.Lock()


def choose_embedder(settings: Settings) -> tuple[Embedder | None, str]:
    """Return the sentence model and "", or None and why the lexical embedder is used.

    A fetch that failed is remembered in the data folder for a day, so that nothing waits for it again. Raises
    `InputError` when the operator names a folder that holds no weights.
    """
    with _lock:
        if settings.embedding_weights is not None:
            return _load(settings.embedding_weights, settings.embedding_weights.name), ""
        folder = settings.data_dir / "weights" / MODEL_NAME
        reason = _ensure(folder, allowed=settings.embedding_download)
        return (None, reason) if reason else (_load(folder, MODEL_NAME), "")


@cache
def _load(folder: Path, name: str) -> OnnxEmbedder:
    return OnnxEmbedder(folder, name)


def _ensure(folder: Path, *, allowed: bool) -> str:
    if all((folder / file.name).is_file() for file in PINNED):
        return ""
    if not allowed:
        return "no weights at hand, and fetching them is switched off (OPSINTEL_EMBEDDING_DOWNLOAD)"
    failed = folder / "fetch-failed.txt"
    if failed.exists() and time.time() - failed.stat().st_mtime < RETRY_SECONDS:
        return failed.read_text()
    try:
        fetch_weights(folder)
    except UnavailableError as error:
        reason = f"no weights at hand; {error.message}"
        failed.write_text(reason)
        return reason
    failed.unlink(missing_ok=True)
    return ""
