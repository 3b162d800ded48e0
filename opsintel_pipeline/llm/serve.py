"""Frames in, frames out: each call in a thread, so that a slow provider delays nobody else."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from opsintel.errors import InputError
from opsintel.llm.batch.order import Order
from opsintel.llm.call import Answer, Call, Fault, ModelError
from opsintel_pipeline.llm.batches.perform import perform
from opsintel_pipeline.llm.exchange import exchange
from opsintel_pipeline.llm.kept import Kept

AT_ONCE = 16
"""Calls under way at once."""


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer every call of `requests`; returns once they end and the last was answered."""
    told = json.loads(requests.readline() or b"{}")
    if not told:
        return
    kept = Kept(Path(told["kept"]))
    local_servers = frozenset((host, port) for host, port in told["local_servers"])
    lock = threading.Lock()

    def tell(number: int, told: Mapping[str, Any]) -> None:
        with lock, suppress(OSError):  # nobody reads any more: the answer is kept for whoever asks next
            answers.write(json.dumps({"number": number, **told}).encode() + b"\n")
            answers.flush()

    def answer(frame: Mapping[str, Any]) -> None:
        number = frame["number"]
        try:
            tell(number, _answered(frame, kept, local_servers))
        except Exception as error:
            unforeseen = ModelError(Fault.UNREACHABLE, f"The call failed: {type(error).__name__}", may_be_paid=True)
            tell(number, {"fault": unforeseen.frame()})
            raise

    with ThreadPoolExecutor(AT_ONCE) as threads:
        for line in requests:
            frame = json.loads(line)
            threads.submit(answer, frame)


def _answered(frame: Mapping[str, Any], kept: Kept, local_servers: frozenset[tuple[str, int]]) -> Mapping[str, Any]:
    try:
        if "order" in frame:
            return {"told": perform(Order.of(frame["order"]), local_servers).frame()}
        call = Call.of(frame["call"])

        def make() -> Answer:
            return exchange(call, local_servers)

        return {"answer": kept.once(call, make).frame()}
    except ModelError as error:
        return {"fault": error.frame()}
    except InputError as error:
        return {"fault": ModelError(Fault.WAY, error.message, remedy=error.remedy).frame()}
