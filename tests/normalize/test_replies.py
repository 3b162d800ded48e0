"""Real replies are split right, and more of them than by the usual library."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.normalize.replies import EXPECTED, Reply, email_reply_parser, ours, replies, shares

REPLIES = list(replies())


def test_all_of_them_are_there_where_they_must_be() -> None:
    listed = len(EXPECTED.read_text().splitlines()) - 1
    assert len(REPLIES) == listed or not os.environ.get("CI"), "set OPSINTEL_TEST_DATA"


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: "-".join(Path(reply.file).parts[-2:]))
def test_each_line_is_told_for_what_it_is(reply: Reply) -> None:
    for line, kinds, expected in zip(reply.lines, ours(reply), reply.expected, strict=True):
        assert kinds & expected, line


def test_more_is_right_than_by_email_reply_parser() -> None:
    if REPLIES:
        for own, theirs in zip(shares(ours), shares(email_reply_parser), strict=True):
            assert own > theirs
