"""What goes wrong between the product and a provider, whoever that is, and where in its answer it goes wrong."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from tests.peers.provider import Told


class Mishap(StrEnum):
    """What can happen to a call."""

    LIMITED = "429"
    LIMITED_FOR_A_WHILE = "429 with Retry-After"
    BROKEN = "500"
    OVERLOADED = "503"
    GONE = "disconnect"
    CUT = "cut body"
    MALFORMED = "malformed JSON"
    SLOW = "slower than the deadline"
    HALF = "half an answer"
    PROSE = "prose"
    WRONG_TYPES = "wrong types"
    FOREIGN = "another language"
    REFUSAL = "refusal"

    @property
    def reaches_the_model(self) -> bool:
        """Whether the provider made, and charges for, an answer."""
        return self not in _STATUS and self is not Mishap.GONE

    @property
    def is_answered(self) -> bool:
        """Whether the product gets an answer that it can read, whatever stands in it."""
        return self in _SPOKEN or self is Mishap.REFUSAL


RETRY_AFTER = 7
_STATUS = {Mishap.LIMITED: 429, Mishap.LIMITED_FOR_A_WHILE: 429, Mishap.BROKEN: 500, Mishap.OVERLOADED: 503}


class Chaos:
    """Spoils a share of the calls, all mishaps alike; which, depends on the seed and the request, never on the time."""

    def __init__(self, share: float, seed: int = 1) -> None:
        self._share, self._seed = share, seed
        self._seen: Counter[bytes] = Counter()

    def next(self, body: bytes) -> Mishap | None:
        """Return what happens to a request that has this body; not the same when it comes again."""
        self._seen[body] += 1
        chosen = hashlib.sha256(f"{self._seed} {self._seen[body]} ".encode() + body).digest()
        if int.from_bytes(chosen[:4]) >= self._share * 2**32:
            return None
        return list(Mishap)[int.from_bytes(chosen[4:8]) % len(Mishap)]


def instead(mishap: Mishap) -> Told | None:
    """Return what goes out without the provider's doing; None: the connection ends."""
    if mishap is Mishap.GONE:
        return None
    headers = {"Retry-After": str(RETRY_AFTER)} if mishap is Mishap.LIMITED_FOR_A_WHILE else {}
    return Told(_STATUS[mishap], {"error": {"message": mishap.value, "type": "mishap", "code": "mishap"}}, headers)


def spoilt(mishap: Mishap, path: str, told: Told) -> Told:
    """Return the answer of a provider as it arrives."""
    body = told.content if isinstance(told.content, bytes) else json.dumps(told.content).encode()
    if any(part in path for part in ("/batches", "/files", ":batch")) and mishap not in (Mishap.CUT, Mishap.SLOW):
        return Told(told.status, body[: len(body) // 2] + b"}", told.headers)  # no model speaks there
    match mishap:
        case Mishap.CUT:
            return Told(told.status, body, told.headers, cut=len(body) // 2)
        case Mishap.MALFORMED:
            return Told(told.status, body[: len(body) // 2] + b"}", told.headers)
        case Mishap.SLOW:
            return told
        case Mishap.REFUSAL:
            return Told(told.status, _declined(path, json.loads(body)), told.headers)
        case _:
            return Told(told.status, _said(path, json.loads(body), _SPOKEN[mishap]), told.headers)


def _foreign(content: str) -> str:
    answer = json.loads(content)
    for item in answer["items"]:
        item["title"] = "Der Export des Berichts schlägt seit der letzten Aktualisierung fehl"
        item["summary"] = "Die Kundin kann ihren Bericht nicht mehr herunterladen und bittet dringend um unsere Hilfe."
    return json.dumps(answer)


def _wrong_types(content: str) -> str:
    answer = json.loads(content)
    for item in answer["items"]:
        item["severity"], item["is_actionable"] = "terrible", "certainly"
    return json.dumps(answer)


_SPOKEN: Mapping[Mishap, Callable[[str], str]] = {
    Mishap.HALF: lambda content: content[: len(content) // 2],
    Mishap.PROSE: lambda content: "Sure! Here is what I think of these messages: they are about reports.",
    Mishap.WRONG_TYPES: _wrong_types,
    Mishap.FOREIGN: _foreign,
}


def _said(path: str, body: Any, spoken: Callable[[str], str]) -> Any:
    """Return a body in which the model says something else."""
    holder, name = _words(path, body)
    if isinstance(holder.get(name), str):  # where a tool carries the answer there are no words
        holder[name] = spoken(holder[name])
    return body


def _declined(path: str, body: Any) -> Any:
    """Return a body in which the model declines, in the provider's own form where it has one."""
    holder, name = _words(path, body)
    words = "I am sorry, but I cannot help with that."
    holder[name] = words
    if "completions" in path:
        holder[name], holder["refusal"] = None, words
    elif path == "/v1/messages":
        body["content"], body["stop_reason"] = [], "refusal"
    elif "candidates" in body:
        body["candidates"] = [{"finishReason": "SAFETY", "index": 0}]
    return body


def _words(path: str, body: Any) -> tuple[dict[str, Any], str]:
    """Return where in a body the model's words stand."""
    if "completions" in path:
        return body["choices"][0]["message"], "content"
    if path == "/v1/messages":
        return body["content"][0], "text"
    if "candidates" in body:
        return body["candidates"][0]["content"]["parts"][0], "text"
    return body["message"], "content"
