"""Sentence embeddings by ONNX: a BERT-like encoder, mean pooling over the attention mask, unit vectors.

The default weights are Xenova/all-MiniLM-L6-v2 (Apache-2.0), pinned by revision and SHA-256.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np

from opsintel.embeddings.embedder import Vectors, normalized
from opsintel.errors import InputError, UnavailableError

MAX_TOKENS = 256
BATCH = 64
THREADS = 2


@dataclass(frozen=True)
class PinnedFile:
    """A file of the weights: its path at the hub, its name in the cache, and what it must hash to."""

    path: str
    name: str
    sha256: str


HUB = "https://huggingface.co/Xenova/all-MiniLM-L6-v2/resolve/751bff37182d3f1213fa05d7196b954e230abad9"
MODEL_NAME = "all-MiniLM-L6-v2"
PINNED = (
    PinnedFile(
        "onnx/model_quantized.onnx",
        "model.onnx",
        "afdb6f1a0e45b715d0bb9b11772f032c399babd23bfc31fed1c170afc848bdb1",
    ),
    PinnedFile("tokenizer.json", "tokenizer.json", "da0e79933b9ed51798a3ae27893d3c5fa4a201126cef75586296df9b4d2c62a0"),
)


class OnnxEmbedder:
    """Implements `Embedder` on a folder with model.onnx and tokenizer.json."""

    built_in = False

    def __init__(self, folder: Path, name: str | None = None) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        model, tokenizer = folder / "model.onnx", folder / "tokenizer.json"
        missing = [path.name for path in (model, tokenizer) if not path.is_file()]
        if missing:
            raise InputError(
                f"{folder} has no {' and no '.join(missing)}",
                remedy="OPSINTEL_EMBEDDING_WEIGHTS names a folder with model.onnx and tokenizer.json",
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        self.name = name or folder.name
        self.version = f"{self.name}-{_sha256(model)[:16]}"
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._inputs = {item.name for item in self._session.get_inputs()}
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.enable_padding()
        self.dimensions = int(self.embed(["dimensions"]).shape[1])

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit row for each text; zeros for an empty one. Texts of like length share a batch."""
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        rows: list[Vectors] = []
        for start in range(0, len(order), BATCH):
            rows.append(self._embed_batch([texts[place] for place in order[start : start + BATCH]]))
        if not rows:
            return np.zeros((0, getattr(self, "dimensions", 1)), np.float32)
        vectors = np.empty((len(texts), rows[0].shape[1]), np.float32)
        vectors[order] = np.vstack(rows)
        return vectors

    def _embed_batch(self, texts: list[str]) -> Vectors:
        encoded = self._tokenizer.encode_batch(texts)
        mask = np.array([item.attention_mask for item in encoded], np.int64)
        feed = {
            "input_ids": np.array([item.ids for item in encoded], np.int64),
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(mask),
        }
        hidden = np.asarray(self._session.run(None, {k: v for k, v in feed.items() if k in self._inputs})[0])
        weights = mask[:, :, None].astype(np.float32)
        pooled = (hidden * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9)
        pooled[[not text.strip() for text in texts]] = 0
        return normalized(pooled)


def fetch_weights(folder: Path, hub: str = HUB, pinned: Sequence[PinnedFile] = PINNED) -> None:
    """Fetch the pinned files that are missing into a folder, each checked before it takes its name.

    Raises `UnavailableError` when the hub does not answer or what came is not what is pinned (then it is deleted).
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file in pinned:
        target = folder / file.name
        if target.exists():
            continue
        part = target.with_suffix(target.suffix + ".part")
        try:
            _download(f"{hub}/{file.path}", part)
            found = _sha256(part)
            if found != file.sha256:
                raise UnavailableError(
                    f"{file.path} from the hub has the wrong hash ({found[:12]}…), so it was deleted"
                )
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


def _download(url: str, target: Path) -> None:
    timeout = httpx.Timeout(30, connect=3)
    try:
        with httpx.stream("GET", url, timeout=timeout, follow_redirects=True) as answer, target.open("wb") as file:
            answer.raise_for_status()
            for block in answer.iter_bytes():
                file.write(block)
    except httpx.HTTPError as error:
        raise UnavailableError(f"The model hub does not give {url.rpartition('/')[2]}: {error}") from None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
