"""An answer is on the disk before anybody sees it, so that it is paid for once."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from uuid import uuid4

import pytest

from opsintel.llm.call import Answer, Call, Fault, ModelError
from opsintel_pipeline.llm.kept import KEPT_SECONDS, Kept

ANSWER = Answer("yes", False, 10, 1, 0, 5)


def call(key: str = "k") -> Call:
    return Call(uuid4(), key, "openai", "https://api.openai.com/v1", "m", ({"role": "user", "content": "?"},), 10, 5.0)


def made() -> Answer:
    return ANSWER


def never() -> Answer:
    raise AssertionError("it was paid for already")


class TestAnAnswer:
    def test_is_found_by_another_process_of_the_machine(self, tmp_path: Path) -> None:
        asked = call()
        assert Kept(tmp_path).once(asked, made) == ANSWER
        again = Kept(tmp_path).once(asked, never)
        assert (again.content, again.was_kept) == ("yes", True)

    def test_is_of_one_tenant(self, tmp_path: Path) -> None:
        Kept(tmp_path).once(call("same"), made)
        assert not Kept(tmp_path).once(call("same"), made).was_kept

    def test_that_failed_is_made_again(self, tmp_path: Path) -> None:
        asked = call()

        def fails() -> Answer:
            raise ModelError(Fault.UNREACHABLE, "away")

        with pytest.raises(ModelError):
            Kept(tmp_path).once(asked, fails)
        assert not Kept(tmp_path).once(asked, made).was_kept

    def test_is_gone_after_a_day(self, tmp_path: Path) -> None:
        asked = call()
        Kept(tmp_path).once(asked, made)
        old = time.time() - KEPT_SECONDS - 60
        for file in tmp_path.glob("*/*"):
            os.utime(file, (old, old))
        assert not Kept(tmp_path).once(asked, made).was_kept

    def test_is_for_its_owner_alone(self, tmp_path: Path) -> None:
        Kept(tmp_path / "answers").once(call(), made)
        assert [oct(path.stat().st_mode & 0o077) for path in (tmp_path / "answers").rglob("k")] == ["0o0"]
        assert (tmp_path / "answers").stat().st_mode & 0o077 == 0

    def test_is_waited_for_by_whoever_asks_the_same_meanwhile(self, tmp_path: Path) -> None:
        asked = call()
        began, may_end = threading.Event(), threading.Event()
        seen: list[Answer] = []

        def slow() -> Answer:
            began.set()
            may_end.wait()
            return ANSWER

        first = threading.Thread(target=lambda: seen.append(Kept(tmp_path).once(asked, slow)))
        first.start()
        began.wait()
        second = threading.Thread(target=lambda: seen.append(Kept(tmp_path).once(asked, never)))
        second.start()
        may_end.set()
        first.join()
        second.join()
        assert sorted(answer.was_kept for answer in seen) == [False, True]
