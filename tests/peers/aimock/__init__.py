"""aimock as a server of models: the five providers' protocols by somebody else's hand; a test says what is answered."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.peers.catalogue import AIMOCK
from tests.peers.child import ChildServer
from tests.peers.model_server import Brain, ModelServer, Prompt, tokens_of, turns_of
from tests.peers.provider import Asked, Refusal, Told, running

SERVE = Path(__file__).parent / "serve.mjs"


class Aimock(ModelServer):
    """Behind aimock: gets each request in one form, whatever the provider, and says what aimock answers."""

    control = ""
    """Where aimock itself is asked for faults."""

    def answer(self, asked: Asked) -> Told:
        body = asked.json()
        tools = body.get("tools")
        system, turns = turns_of(body["messages"])
        prompt = Prompt("aimock", body["model"], "tool" if tools else "schema", system, turns, None)
        try:
            content = self.said(prompt)
        except Refusal as refusal:
            error = {"message": refusal.message, "type": refusal.reason, "code": refusal.reason}
            return Told(200, {"error": error, "status": refusal.status})
        sent, received = tokens_of(system, *turns), tokens_of(content)
        said: dict[str, Any] = {"usage": {
            "prompt_tokens": sent, "completion_tokens": received, "input_tokens": sent, "output_tokens": received,
            "promptTokenCount": sent, "candidatesTokenCount": received,
        }}  # fmt: skip
        if tools:
            return Told(200, said | {"toolCalls": [{"name": tools[0]["function"]["name"], "arguments": content}]})
        return Told(200, said | {"content": content})

    def spoil(self, rates: Mapping[str, float]) -> None:
        """Have aimock itself spoil a share of the calls (`dropRate`, `malformedRate`, `disconnectRate`); {}: none."""
        request = urllib.request.Request(
            f"{self.control}/__aimock/chaos",
            json.dumps(rates).encode() if rates else None,
            {"Content-Type": "application/json"},
            method="POST" if rates else "DELETE",
        )
        with urllib.request.urlopen(request) as response:
            assert response.status < 300


class _Child(ChildServer):
    def start(self, brain: str) -> None:
        AIMOCK.required_path()
        self.run(str(Path(sys.executable).parent / "node"), str(SERVE), str(self.port), brain)


@contextmanager
def running_aimock(brain: Brain, folder: Path) -> Iterator[Aimock]:
    """Run aimock until the end of the block, with a brain behind it; `address` is aimock's."""
    server = Aimock(brain)
    with running(server):
        child = _Child(folder)
        child.start(server.address)
        server.address = server.control = f"http://127.0.0.1:{child.port}"
        try:
            yield server
        finally:
            child.kill()
