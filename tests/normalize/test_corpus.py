"""Mail that nobody here wrote: every file of the test data, the structure against the standard library's."""

from __future__ import annotations

import email
import json
import os
from collections.abc import Iterator
from email.errors import CloseBoundaryNotFoundDefect
from email.message import Message
from pathlib import Path

import pytest
from typer.testing import CliRunner

from opsintel.cli.parse import app
from opsintel_pipeline.normalize.structure import Part, split
from tests.normalize.mails import read

DATA = Path(os.environ.get("OPSINTEL_TEST_DATA", "../shared/data")) / "mail"


def manifest(kind: str) -> list[str]:
    """Return the files of a kind; none where the test data are not there."""
    if not (DATA / "MANIFEST.tsv").is_file():
        return []
    rows = [line.split("\t") for line in (DATA / "MANIFEST.tsv").read_text().splitlines()[1:]]
    return [path for path, found in rows if kind in (found, "all")]


def leaves(message: Message) -> Iterator[tuple[str, bytes]]:
    """Yield type and decoded body of the parts that the standard library finds."""
    for found in message.walk():
        payload = found.get_payload(decode=True)
        if not found.is_multipart() and isinstance(payload, bytes):
            yield found.get_content_type(), b"".join(payload.split())


def own_leaves(part: Part) -> Iterator[tuple[str, bytes]]:
    """Yield type and decoded body of the parts that we find."""
    if part.children:
        for child in part.children:
            yield from own_leaves(child)
    else:
        yield part.type, b"".join(part.content().split())


class TestCorpus:
    def test_the_data_are_there_where_they_must_be(self) -> None:
        assert manifest("message") or not os.environ.get("CI"), "set OPSINTEL_TEST_DATA"

    @pytest.mark.parametrize("path", manifest("message"))
    def test_every_message_is_read_and_keeps_what_the_standard_library_finds(self, path: str) -> None:
        payload = (DATA / path).read_bytes()
        message = read(payload)
        standard = email.message_from_bytes(payload)
        own = [body for _, body in own_leaves(split(payload).root)]
        texts = [body for kind, body in leaves(standard) if kind in ("text/plain", "text/html") and body]
        kinds = {part.get_content_type() for part in standard.walk()}
        mended = "multipart under the name of text" in message.defects or "message/external-body" in kinds
        if not mended and not standard.defects and not any(part.defects for part in standard.walk()):
            assert all(body in own for body in texts)
        shown = (message.text, message.quoted_text, message.signature_text)
        # Without the closing boundary the standard library takes an epilogue for a part.
        unclosed = any(isinstance(defect, CloseBoundaryNotFoundDefect) for defect in standard.defects)
        plain = [
            str(part.get_payload()).strip(" \r\n-")
            for part in standard.walk()
            if part.get_content_type() == "text/plain" and part.get_content_disposition() != "attachment"
        ]
        assert unclosed or any(shown) or not any(text[:1].isalpha() for text in plain)

    def test_the_command_reads_every_file_or_refuses_it_in_one_line(self) -> None:
        paths = [str(DATA / path) for path in manifest("all")]
        if not paths:
            return
        result = CliRunner().invoke(app, [*paths, "--json"])
        read_files = [json.loads(line)["file"] for line in result.stdout.splitlines()]
        refused = [line.split(": ", 1)[0] for line in result.stderr.splitlines()]
        assert sorted(read_files + refused) == sorted(paths)
        assert result.exit_code == 1
        assert {str(DATA / path) for path in manifest("message")} <= set(read_files)


ANSWERS = {
    "talon/fixtures/standard_replies": "Hello",
    "talon/fixtures/html_replies": "Hi. I am fine. Thanks, Alex",
    "reply-parser/zapier/email_2_1.txt": "Outlook with a reply",
    "reply-parser/zapier/email_1_4.txt": "Awesome! I haven't had another problem with it.",
    "reply-parser/zapier/email_1_7.txt": ":+1:",
    "reply-parser/zapier/email_1_8.txt": "I will reply under this one and under this.",
    "reply-parser/zapier/email_gmail.txt": "This is a test for inbox replying to a github message.",
    "reply-parser/zapier/email_headers_no_delimiter.txt": "And another reply!",
    "reply-parser/zapier/email_iPhone.txt": "Here is another email",
    "reply-parser/zapier/correct_sig.txt": "this is an email with a correct -- signature.",
    "talon/fixtures/OLK_SRC_BODY_SECTION.html": "Reply",
    "talon/fixtures/reply-separated-by-hr.html": "Hi there Bob",
}
"""What was written anew in answers of many mailers."""


class TestAnswersOfManyMailers:
    @pytest.mark.parametrize(
        "path",
        [path for path in (*manifest("message"), *manifest("body")) if any(path.startswith(key) for key in ANSWERS)],
    )
    def test_the_new_text_is_what_was_written_anew(self, path: str) -> None:
        expected = next(text for key, text in ANSWERS.items() if path.startswith(key))
        assert " ".join(read((DATA / path).read_bytes()).text.split()) == expected
