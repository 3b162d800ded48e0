"""Hostile mail costs neither time nor memory out of proportion. A quadratic step would take minutes here."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import pytest

from opsintel.errors import ItemError
from opsintel_pipeline.normalize.headers import FIELD_LIMIT, HEADERS_LIMIT, read_block
from tests.normalize.mails import HEAD, mail, multipart, part, read

pytestmark = pytest.mark.timeout(60)

LIMIT_MB = 256
MEASURE = """
import sys
from opsintel.errors import ItemError
from tests.normalize.mails import read
try:
    message = read(open(sys.argv[1], "rb").read())
    print(message.text[:40], len(message.attachments), sum(file.size for file in message.attachments))
except ItemError as error:
    print("refused", error.line())
print(next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def measured(path: Path) -> tuple[str, int]:
    """Return what a fresh process says of a file, and the most memory it took in MB."""
    done = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True)
    said, peak = done.stdout.strip().rsplit("\n", 1)
    return said, int(peak)


class TestSize:
    def test_a_mail_of_100_mb_keeps_its_text_and_measures_its_attachment(self, tmp_path: Path) -> None:
        line = base64.b64encode(b"x" * 57) + b"\r\n"
        attached = part(line * 1_300_000, b"application/pdf; name=a.pdf", b"Content-Transfer-Encoding: base64\r\n")
        (tmp_path / "big.eml").write_bytes(multipart(b"mixed", part(b"the body"), attached))
        said, peak = measured(tmp_path / "big.eml")
        assert said == f"the body 1 {57 * 1_300_000}"
        assert peak < LIMIT_MB

    def test_a_text_of_100_mb_is_refused_by_its_size(self, tmp_path: Path) -> None:
        (tmp_path / "big.eml").write_bytes(mail(b"hello world\n" * 8_500_000))
        said, peak = measured(tmp_path / "big.eml")
        assert said.startswith("refused its only text has")
        assert peak < LIMIT_MB

    @pytest.mark.parametrize(
        "body",
        [b"\n" * 9_900_000, b">\n" * 4_900_000, b"wrote 10:00 a@b:\n" * 500_000, b" " * 9_000_000 + b"x",
         b"\x00\x01" * 4_000_000, b"From: x\nx\n" * 800_000, b"http://" * 1_300_000,
         b"this email " + b"is " * 3_000_000, b"h\xe9 " * 3_000_000],
        ids=["blank lines", "quotes", "introductions", "blanks", "controls", "fields", "links", "notice", "latin-1"],
    )  # fmt: skip
    def test_texts_up_to_the_limit_take_bounded_memory(self, body: bytes, tmp_path: Path) -> None:
        (tmp_path / "big.eml").write_bytes(mail(b"hi\n" + body))
        _, peak = measured(tmp_path / "big.eml")
        assert peak < LIMIT_MB


class TestStructureBombs:
    def test_multiparts_nested_10_000_deep_are_cut_and_named(self) -> None:
        layers = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(10_000))
        assert "nested deeper than 50" in read(HEAD + layers + b"\nhello").defects

    def test_messages_nested_10_000_deep_are_cut_and_named(self) -> None:
        assert "nested deeper than 50" in read(HEAD + b"Content-Type: message/rfc822\n\n" * 10_000 + b"hello").defects

    def test_10_000_parts_give_the_first_thousand(self) -> None:
        found = read(multipart(b"mixed", *[part(b"one") for _ in range(10_000)]))
        assert found.text.count("one") == 999
        assert any("too many parts" in defect for defect in found.defects)

    def test_millions_of_lines_like_boundaries_end(self) -> None:
        found = read(mail(b"--b\n\nhello\n" + b"--\n" * 3_000_000, b"multipart/mixed; boundary=b"))
        assert found.text.startswith("hello")
        assert "too many parts or lines that look like boundaries" in found.defects

    def test_messages_in_base64_within_each_other_end(self) -> None:
        inner = b"From: a@b.example\n\nhello"
        for _ in range(60):
            inner = b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + base64.b64encode(inner)
            if len(inner) > 3_000_000:
                break
        assert read(HEAD + inner).attachments

    def test_messages_in_an_encoding_without_end_are_left_undivided(self) -> None:
        layer = b"Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\n"
        assert "encoded message left undivided" in read(HEAD + layer * 2_000 + b"hello").defects

    def test_a_message_in_an_encoding_that_is_larger_than_a_part_is_left_undivided(self) -> None:
        fields = b"Content-Transfer-Encoding: quoted-printable\r\n"
        large = part(HEAD + b"\r\nhello\n" + b"line\n" * 2_200_000, b"message/rfc822", fields)
        assert read(multipart(b"mixed", part(b"one"), large)).defects == ("encoded message left undivided",)


class TestHeaderBombs:
    @pytest.mark.parametrize(
        "fields",
        [b"X: y\n" * 2_000_000, b"X: a\n" + b" b\n" * 3_000_000, b"Subject: " + b"=?utf-8?b?w6k=?= " * 60_000 + b"\n",
         b"Subject: " + b"=?" * 300_000 + b"\n", b"X: " + b"y" * 12_000_000 + b"\n"],
        ids=["many", "folded", "encoded words", "broken words", "long"],
    )  # fmt: skip
    def test_the_fields_that_matter_are_found_behind_the_bomb(self, fields: bytes) -> None:
        found = read(fields + b"From: a@b.example\n\nbody")
        assert found.author is not None
        assert (found.author.value, found.text) == ("a@b.example", "body")

    @pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
    @pytest.mark.parametrize("more", range(-3, 4))
    def test_a_field_that_ends_about_the_limit_hides_none_behind_it(self, more: int, end: bytes) -> None:
        name = b"X-Long: "
        block = name + b"x" * (HEADERS_LIMIT - len(name) - len(end) + more) + end + b"From: a@b.example" + end * 2
        headers, body = read_block(block + b"body", 0, len(block) + 4)
        assert (headers.raw("from"), body) == ("a@b.example", len(block))

    def test_of_long_fields_that_matter_no_more_is_kept_than_the_limits(self) -> None:
        names = ("subject", "to", "cc", "sender", "reply-to", "list-id", "references", "in-reply-to")
        sizes = (40_000, *[15_000] * 7)
        fields = [b"%s: %s\n" % (name.encode(), b"x" * size) for name, size in zip(names, sizes, strict=True)]
        block = b"".join(fields) + b"\nbody"
        headers, _ = read_block(block, 0, len(block))
        kept = [len(headers.raw(name)) for name in names]
        assert max(kept) <= FIELD_LIMIT
        assert HEADERS_LIMIT - FIELD_LIMIT < sum(kept) <= HEADERS_LIMIT

    @pytest.mark.parametrize(
        "value",
        [b"(" * 60_000, b'"\\' * 30_000, b"<@" * 30_000, b"a:" * 30_000, b",;" * 30_000, b"a@b.example, " * 5_000],
    )
    def test_address_fields_without_end_do_no_harm(self, value: bytes) -> None:
        assert read(b"From: a@b.example\nCc: " + value + b"\nDate: " + b"(" * 60_000 + b"\n\nbody").text == "body"

    @pytest.mark.parametrize(
        "value",
        [b"; a*0=x" * 8_000, b"".join(b"; a*%d*=x" % n for n in range(6_000)), b'; x="' + b"\\" * 60_000, b";" * 60_000,
         b"; charset=" + b"x" * 60_000, b"; charset*=utf-8''%" + b"f" * 60_000],
        ids=["twice", "continued", "quoted", "empty", "charset", "extended"],
    )  # fmt: skip
    def test_parameters_without_end_do_no_harm(self, value: bytes) -> None:
        assert read(HEAD + b"Content-Type: text/plain" + value + b"\n\nbody").text == "body"


class TestHtmlBombs:
    @pytest.mark.parametrize(
        "page",
        [b"<div>" * 400_000 + b"word", b"".join(b"<font color=%d>" % n for n in range(5_000)) + b"<p>word</p>" * 5_000,
         b"".join(b"<b id=%d>" % n for n in range(900)) + b"<p>word</p>" * 9_000, b"<table><tr><td>word" * 100_000,
         b"<a href=http://x.example/>word" * 60_000, b"<div class=gmail_quote>" * 80_000 + b"word",
         b"<select><option>word" * 90_000, b"<p " + b"".join(b"a%d=1 " % n for n in range(150_000)) + b">word",
         b"<svg><p>word" * 150_000, b"<blockquote>word" * 100_000, b"<p>word</p>" * 200_000],
        ids=["depth", "formatting", "product", "tables", "links", "quotes", "options", "attributes", "svg",
             "blockquotes", "paragraphs"],
    )  # fmt: skip
    def test_pages_that_ask_for_millions_of_elements_are_still_read(self, page: bytes) -> None:
        found = read(mail(page, b"text/html"))
        assert "word" in found.text + found.quoted_text

    @pytest.mark.parametrize("page", [b"<" * 2_000_000, b"<!--" * 400_000, b"&" * 2_000_000, b"<script>" * 200_000])
    def test_pages_of_nothing_end(self, page: bytes) -> None:
        assert read(mail(page, b"text/html")).subject == "Printer"


class TestBinaryData:
    def test_binary_data_under_the_name_of_text_is_an_attachment(self) -> None:
        data = bytes(range(256)) * 400
        found = read(multipart(b"mixed", part(b"look"), part(data)))
        assert found.text == "look"
        assert len(found.attachments) == 1

    def test_a_binary_file_is_an_item_error(self) -> None:
        with pytest.raises(ItemError):
            read(bytes(range(256)) * 400)
