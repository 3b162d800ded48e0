"""Sentence models: loaded from a folder, fetched once with a pinned hash; tried on a tiny model of the same kind."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from opsintel.embeddings import choose
from opsintel.embeddings.onnx import OnnxEmbedder, PinnedFile, fetch_weights
from opsintel.errors import InputError, UnavailableError
from opsintel.settings import load_settings

WORDS = ["[PAD]", "[UNK]", "hub", "offline", "refund", "late"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that looks up a vector a token: the inputs and the output of a BERT-like encoder."""
    folder = tmp_path_factory.mktemp("tiny")
    table = np.random.default_rng(0).normal(size=(len(WORDS), 8)).astype(np.float32)
    names = ("input_ids", "attention_mask", "token_type_ids")
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])],
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"]) for name in names],
        [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "tokens", 8])],
        [numpy_helper.from_array(table, "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "model.onnx")
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


class Hub(BaseHTTPRequestHandler):
    folder: Path
    cut = False
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        content = (self.folder / self.path.lstrip("/")).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if self.cut else content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(weights: Path) -> Iterator[tuple[str, type[Hub]]]:
    handler = type("TestHub", (Hub,), {"folder": weights, "cut": False, "asked": 0})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", handler
    server.shutdown()
    thread.join()
    server.server_close()


def pinned(folder: Path) -> list[PinnedFile]:
    names = ("model.onnx", "tokenizer.json")
    return [PinnedFile(name, name, hashlib.sha256((folder / name).read_bytes()).hexdigest()) for name in names]


class TestOnnxEmbedder:
    def test_is_the_mean_over_real_tokens_whatever_the_batch(self, weights: Path) -> None:
        embedder = OnnxEmbedder(weights)
        alone = embedder.embed(["hub offline"])
        beside = embedder.embed(["hub offline late refund hub offline", "hub offline", ""])
        np.testing.assert_allclose(alone[0], beside[1], rtol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(alone), 1, rtol=1e-5)
        assert not beside[2].any()
        assert (embedder.dimensions, embedder.built_in) == (8, False)

    def test_a_folder_without_weights_is_one_clear_line(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"no model\.onnx"):
            OnnxEmbedder(tmp_path)


class TestFetching:
    def test_fetches_once_and_checks(self, hub: tuple[str, type[Hub]], weights: Path, tmp_path: Path) -> None:
        address, handler = hub
        for _ in range(2):
            fetch_weights(tmp_path / "cache", address, pinned(weights))
        assert handler.asked == 2
        assert OnnxEmbedder(tmp_path / "cache").dimensions == 8

    def test_a_wrong_hash_leaves_nothing(self, hub: tuple[str, type[Hub]], weights: Path, tmp_path: Path) -> None:
        wrong = [PinnedFile("model.onnx", "model.onnx", "0" * 64)]
        with pytest.raises(UnavailableError, match="wrong hash"):
            fetch_weights(tmp_path, hub[0], wrong)
        assert list(tmp_path.iterdir()) == []

    def test_a_cut_connection_leaves_nothing(self, hub: tuple[str, type[Hub]], weights: Path, tmp_path: Path) -> None:
        hub[1].cut = True
        with pytest.raises(UnavailableError):
            fetch_weights(tmp_path, hub[0], pinned(weights))
        assert list(tmp_path.iterdir()) == []


class TestChoosing:
    def test_an_operators_folder_comes_first(self, weights: Path) -> None:
        embedder, reason = choose.choose_embedder(load_settings({"OPSINTEL_EMBEDDING_WEIGHTS": str(weights)}))
        assert embedder is not None
        assert (embedder.dimensions, reason) == (8, "")

    def test_a_failed_fetch_is_said_and_not_tried_again_at_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tried = []

        def refuse(folder: Path) -> None:
            tried.append(folder)
            folder.mkdir(parents=True, exist_ok=True)
            raise UnavailableError("The model hub does not answer")

        monkeypatch.setattr(choose, "fetch_weights", refuse)
        settings = load_settings({"OPSINTEL_DATA_DIR": str(tmp_path)})
        for _ in range(2):
            embedder, reason = choose.choose_embedder(settings)
            assert embedder is None
            assert "does not answer" in reason
        assert len(tried) == 1
