"""Mails of every shape become canonical messages."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from opsintel.errors import ItemError
from opsintel.events.message import AutomaticClass, Direction
from opsintel_pipeline.normalize.duplicates import content_hash
from opsintel_pipeline.normalize.parse import NormalizeContext
from tests.normalize.mails import HEAD, mail, multipart, part, read


class TestHeaderFields:
    def test_a_plain_mail_has_author_recipient_subject_and_utc_time(self) -> None:
        message = read(mail(b"Hello"))
        assert message.author is not None
        assert (message.author.value, message.author.name) == ("ada@customer.example", "Ada Byron")
        assert [recipient.value for recipient in message.recipients] == ["help@acme.example"]
        assert message.occurred_at == datetime(2012, 4, 2, 14, 22, 10, tzinfo=UTC)
        assert (message.subject, message.text, message.rfc_message_id) == ("Printer", "Hello", "1@customer.example")

    def test_encoded_words_are_decoded_also_when_cut_within_a_character(self) -> None:
        cut = "ü".encode()
        words = b"=?utf-8?b?%s?= =?utf-8?b?%s?=" % (
            base64.b64encode("Grüße aus M".encode() + cut[:1]),
            base64.b64encode(cut[1:] + b"nchen"),
        )
        assert read(b"Subject: Re: " + words + b" =?iso-8859-1?q?_f=FCr_alle?=\nFrom: a@b.example\n\nx").subject == (
            "Re: Grüße aus München für alle"
        )

    def test_raw_eight_bit_fields_are_read_as_utf_8_else_as_windows_1252(self) -> None:
        assert read("Subject: Größe\nFrom: a@b.example\n\nx".encode()).subject == "Größe"
        assert read("Subject: Größe\nFrom: a@b.example\n\nx".encode("latin-1")).subject == "Größe"

    def test_commas_and_brackets_in_quoted_names_do_not_split_addresses(self) -> None:
        field = b'"Byron, Ada <x>" <Ada@B.example>, (the boss) carl@c.example,\n team: d@d.example;'
        recipients = read(b"From: a@b.example\nTo: " + field + b"\n\nx").recipients
        assert [address.value for address in recipients] == ["ada@b.example", "carl@c.example", "d@d.example"]
        assert recipients[0].name == "Byron, Ada <x>"

    def test_file_names_of_rfc_2231_and_of_encoded_words_are_read(self) -> None:
        message = read(
            multipart(
                b"mixed",
                part(b"x"),
                part(b"", b"application/pdf", b"Content-Disposition: attachment; filename*=utf-8''%c3%a4%20b.pdf\r\n"),
                part(
                    b"",
                    b"application/pdf",
                    b"Content-Disposition: attachment;\r\n filename*0*=utf-8''%c3%a4;\r\n filename*1=-2.pdf\r\n",
                ),
                part(b"", b'application/pdf; name="=?utf-8?b?w6Q=?=.pdf"', b"Content-Disposition: attachment\r\n"),
                part(b"", b'application/pdf; name="../../etc/passwd"', b"Content-Disposition: attachment\r\n"),
            )
        )
        assert [file.filename for file in message.attachments] == ["ä b.pdf", "ä-2.pdf", "ä.pdf", "passwd"]

    @pytest.mark.parametrize(
        ("value", "flag"),
        [
            (b"", "missing"),
            (b"yesterday", "absurd"),
            (b"Mon, 99 Foo 2012 99:99:99 +0000", "absurd"),
            (b"Thu, 1 Jan 1970 00:00:00 +0000", "absurd"),
            (b"Fri, 31 Dec 9990 23:59:59 -2359", "future"),
            (b"Fri, 31 Dec 9999 23:59:59 -2359", "absurd"),
            (b"Mon, 2 Apr 2012 10:00:00 +999999999999", "absurd"),
        ],
    )
    def test_broken_dates_are_flagged_and_never_replaced(self, value: bytes, flag: str) -> None:
        message = read(b"From: a@b.example\nDate: " + value + b"\n\nx")
        assert (message.occurred_at, message.occurred_at_flag) == (None, flag)

    def test_obsolete_and_leap_second_dates_are_read(self) -> None:
        assert read(b"From: a@b.example\nDate: Sat, 31 Dec 16 23:59:60 GMT\n\nx").occurred_at is not None
        assert read(b"From: a@b.example\nDate: 2 Apr 2012 10:00 EST (comment)\n\nx").occurred_at == datetime(
            2012, 4, 2, 15, tzinfo=UTC
        )

    def test_what_looks_like_fields_in_a_body_alone_is_text(self) -> None:
        message = read(b"Note: here is what I found.\n\nSecond paragraph")
        assert message.text.startswith("Note: here is what I found.")
        assert message.subject == ""

    def test_a_subject_does_not_swallow_the_fields_after_it_however_long_it_is(self) -> None:
        message = read(b"Subject: " + b"a" * 1_000_000 + b"\nFrom: a@b.example\n\nbody")
        assert message.author is not None
        assert message.author.value == "a@b.example"
        assert 0 < len(message.subject) <= 2_000
        assert message.text == "body"


class TestChoiceOfTheBody:
    def test_plain_text_is_preferred_and_links_are_kept(self) -> None:
        message = read(
            multipart(
                b"alternative",
                part(b"Please look at https://acme.example/a?b=1, thanks"),
                part(b"<p>Please look</p>", b"text/html"),
            )
        )
        assert message.text == "Please look at https://acme.example/a?b=1, thanks"
        assert [link.url for link in message.links] == ["https://acme.example/a?b=1"]

    @pytest.mark.parametrize("stub", [b"", b"   \r\n", b"This mail needs an HTML reader."])
    def test_html_is_taken_where_the_plain_part_is_a_stub(self, stub: bytes) -> None:
        html = b"<html><body>" + b"<p>The printer on the second floor prints blank pages since Monday.</p>" * 20
        message = read(multipart(b"alternative", part(stub), part(html, b"text/html")))
        assert "blank pages" in message.text

    def test_html_alone_gives_text_and_link_targets(self) -> None:
        message = read(mail(b'<p>Hi <b>Bob</b><br>see <a href="https://x.example/t">this page</a></p>', b"text/html"))
        assert message.text == "Hi Bob\nsee this page"
        assert [(link.url, link.text) for link in message.links] == [("https://x.example/t", "this page")]

    def test_a_body_deep_within_mixed_related_and_alternative_is_found(self) -> None:
        alternative = (
            b"Content-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n" + part(b"The body")
            + b"\r\n--c\r\n" + part(b"<p>The body</p>", b"text/html") + b"\r\n--c--\r\n"
        )  # fmt: skip
        related = (
            b"Content-Type: multipart/related; boundary=r\r\n\r\n--r\r\n" + alternative
            + b"\r\n--r\r\n" + part(b"GIF89a", b"image/gif", b"Content-ID: <logo>\r\n") + b"\r\n--r--\r\n"
        )  # fmt: skip
        message = read(multipart(b"mixed", related, part(b"%PDF", b"application/pdf; name=a.pdf")))
        assert message.text == "The body"
        assert [(file.content_type, file.inline) for file in message.attachments] == [
            ("image/gif", True),
            ("application/pdf", False),
        ]

    def test_text_around_an_inline_image_is_joined_and_attached_text_is_not(self) -> None:
        message = read(
            multipart(
                b"mixed",
                part(b"before"),
                part(b"x", b"image/png", b"Content-Disposition: inline\r\n"),
                part(b"after"),
                part(b"log line", b"text/plain; name=a.log", b"Content-Disposition: attachment\r\n"),
            )
        )
        assert message.text == "before\n\nafter"
        assert [file.filename for file in message.attachments] == ["", "a.log"]

    def test_a_forwarded_message_part_is_content_with_its_own_fields(self) -> None:
        inner = b"From: carl@c.example\r\nSubject: Original\r\n\r\nIt broke on Monday"
        message = read(multipart(b"mixed", part(b"FYI"), b"Content-Type: message/rfc822\r\n\r\n" + inner))
        assert message.text.startswith("FYI")
        assert "It broke on Monday" in message.text
        assert "Subject: Original" in message.text

    def test_a_message_part_in_base64_is_read_too(self) -> None:
        inner = base64.encodebytes(b"From: carl@c.example\r\n\r\nIt broke on Monday")
        raw = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + inner
        assert "It broke on Monday" in read(multipart(b"mixed", part(b"FYI"), raw)).text

    def test_a_multipart_that_lost_its_boundaries_still_gives_its_text(self) -> None:
        assert read(mail(b"only text", b'multipart/mixed; boundary="gone"')).text == "only text"
        assert read(mail(b"only text", b"multipart/mixed")).text == "only text"

    def test_a_multipart_cut_in_the_middle_gives_what_is_there(self) -> None:
        whole = multipart(b"mixed", part(b"first"), part(b"second"))
        assert read(whole[: whole.index(b"second") + 3]).text == "first\n\nsec"

    def test_one_boundary_may_be_the_beginning_of_another(self) -> None:
        inner = (
            b'Content-Type: multipart/alternative; boundary="b-1"\r\n\r\n--b-1\r\n' + part(b"text") + b"\r\n--b-1--\r\n"
        )
        raw = b"--b\r\n" + inner + b"\r\n--b\r\n" + part(b"", b"application/pdf; name=a.pdf") + b"\r\n--b--\r\n"
        message = read(mail(raw, b"multipart/mixed; boundary=b"))
        assert message.text == "text"
        assert len(message.attachments) == 1

    def test_flowed_text_is_joined_but_not_across_quotes(self) -> None:
        message = read(mail(b"one \r\ntwo\r\n> three \r\n> four\r\n", b"text/plain; format=flowed"))
        assert message.text == "one two"
        assert message.quoted_text == "> three four"

    def test_an_invitation_alone_is_shown_as_text(self) -> None:
        event = b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nSUMMARY:Review\\, part 2\r\n"
        message = read(mail(event + b"END:VEVENT\r\nEND:VCALENDAR\r\n", b"text/calendar"))
        assert message.text.startswith("Review, part 2")
        assert message.extra["calendar"]["method"] == "REQUEST"


class TestCharsets:
    @pytest.mark.parametrize(
        ("body", "charset", "text"),
        [
            ("Größe", "utf-8", "Größe"),
            ("Größe", "iso-8859-1", "Größe"),
            ("“quoted”", "cp1252", "“quoted”"),
            ("ошибка оплаты", "koi8-r", "ошибка оплаты"),
            ("支払いエラー", "iso-2022-jp", "支払いエラー"),
            ("支払いエラー", "shift_jis", "支払いエラー"),
            ("付款失败", "gb2312", "付款失败"),
            ("결제 오류", "euc-kr", "결제 오류"),
            ("błąd płatności", "iso-8859-2", "błąd płatności"),
            ("Größe", "utf-16", "Größe"),
        ],
    )
    def test_declared_charsets_are_read(self, body: str, charset: str, text: str) -> None:
        raw = mail(base64.encodebytes(body.encode(charset)), b"text/plain; charset=" + charset.encode(),
                   b"Content-Transfer-Encoding: base64\r\n")  # fmt: skip
        assert read(raw).text == text

    @pytest.mark.parametrize(
        "charset", [b"x-unknown", b"unknown-8bit", b"", b"zlib", b"idna", b"us-ascii", b"iso-8859-1"]
    )
    def test_utf_8_under_a_wrong_name_is_still_utf_8(self, charset: bytes) -> None:
        assert read(mail("Größe 😀".encode(), b"text/plain; charset=" + charset)).text == "Größe 😀"

    def test_bytes_that_are_no_utf_8_are_read_as_windows_1252(self) -> None:
        message = read(mail("Größe".encode("cp1252"), b"text/plain; charset=utf-8"))
        assert message.text == "Größe"
        assert message.defects

    def test_one_broken_byte_does_not_turn_utf_8_into_mojibake(self) -> None:
        assert (
            "Größe über Maß"
            in read(mail("Größe über Maß und Stück ".encode() + b"\xff", b"text/plain; charset=utf-8")).text
        )

    def test_html_may_name_its_charset_itself(self) -> None:
        body = '<meta charset="windows-1251"><p>ошибка</p>'.encode("cp1251")
        assert read(mail(body, b"text/html")).text == "ошибка"

    def test_text_is_nfc_without_nul_controls_and_surrogates(self) -> None:
        body = "cafe\u0301 a\x00b\x07c\r\nd".encode() + b"\xed\xa0\x80"
        message = read(mail(body + b"=ED=A0=BD=ED=B8=80", fields=b"Content-Transfer-Encoding: quoted-printable\r\n"))
        assert message.text == "café abc\nd😀"
        message.model_dump_json().encode("utf-8")
        assert "\x00" not in message.model_dump_json()


class TestOpaqueAndReports:
    def test_an_smime_body_is_marked_opaque(self) -> None:
        assert read(mail(b"AAAA", b"application/pkcs7-mime; name=smime.p7m")).opaque == "smime"

    def test_pgp_is_marked_opaque_as_multipart_and_inline(self) -> None:
        parts = (
            part(b"Version: 1", b"application/pgp-encrypted"),
            part(b"-----BEGIN PGP MESSAGE-----", b"application/octet-stream"),
        )
        assert read(multipart(b'encrypted; protocol="application/pgp-encrypted"', *parts)).opaque == "pgp"
        assert read(mail(b"-----BEGIN PGP MESSAGE-----\n\nhQEMA")).opaque == "pgp"

    def test_tnef_is_noted_and_hides_a_body_only_where_there_is_no_other(self) -> None:
        tnef = part(b"x", b"application/ms-tnef; name=winmail.dat")
        assert read(multipart(b"mixed", tnef)).opaque == "tnef"
        with_text = read(multipart(b"mixed", part(b"Hello"), tnef))
        assert (with_text.opaque, with_text.text) == ("", "Hello")
        assert with_text.attachments[0].content_type == "application/ms-tnef"

    def test_a_signed_mail_is_readable(self) -> None:
        message = read(multipart(b"signed", part(b"Hello"), part(b"x", b"application/pgp-signature")))
        assert (message.text, message.opaque) == ("Hello", "")

    @pytest.mark.parametrize(
        ("action", "expected"),
        [
            (b"failed", AutomaticClass.BOUNCE),
            (b"delayed", AutomaticClass.DELIVERY_REPORT),
            (b"relayed", AutomaticClass.DELIVERY_REPORT),
        ],
    )
    def test_a_delivery_report_is_told_by_its_action(self, action: bytes, expected: AutomaticClass) -> None:
        status = (
            b"Reporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; x@y.example\r\nAction: "
            + action
            + b"\r\nStatus: 5.1.1\r\n"
        )
        message = read(
            multipart(
                b"report; report-type=delivery-status",
                part(b"Your mail could not be delivered"),
                part(status, b"message/delivery-status"),
                b"Content-Type: message/rfc822\r\n\r\nSubject: Mine\r\n\r\nmy own words",
            )
        )
        assert message.automatic is expected
        assert message.text == "Your mail could not be delivered"
        assert "my own words" in message.quoted_text
        assert any(row.get("final_recipient") == "rfc822; x@y.example" for row in message.extra["report"])


class TestDirectionAndIdentity:
    OWN = NormalizeContext(
        own_domains=frozenset({"acme.example"}), own_addresses=frozenset({"acme.team@gmail.example"})
    )

    @pytest.mark.parametrize(
        ("author", "recipient", "expected"),
        [
            (b"ada@customer.example", b"help@acme.example", Direction.INBOUND),
            (b"Bob <BOB@ACME.example>", b"ada@customer.example", Direction.OUTBOUND),
            (b"bob@eu.acme.example", b"help@acme.example", Direction.INTERNAL),
            (b"acme.team@gmail.example", b"ada@customer.example", Direction.OUTBOUND),
            (b"eve@notacme.example", b"help@acme.example", Direction.INBOUND),
        ],
    )
    def test_direction_follows_the_tenants_own_addresses(
        self, author: bytes, recipient: bytes, expected: Direction
    ) -> None:
        raw = b"From: " + author + b"\nTo: " + recipient + b"\n\nx"
        assert read(raw, self.OWN).direction is expected

    def test_without_own_addresses_direction_is_unknown(self) -> None:
        assert read(mail(b"x")).direction is Direction.UNKNOWN

    def test_copies_that_transport_changed_have_one_content_hash(self) -> None:
        body = "Die Größe stimmt nicht\r\nmit der Bestellung überein"
        first = read(mail(body.encode()))
        encoded = base64.encodebytes(body.replace("\r\n", "\n").encode("latin-1"))
        second = read(
            b"Received: by mx\r\nDelivered-To: x@y.example\r\n"
            + mail(encoded, b"text/plain; charset=iso-8859-1", b"Content-Transfer-Encoding: base64\r\n")
        )
        assert content_hash(first) == content_hash(second)
        assert content_hash(first) != content_hash(read(mail(body.encode() + b"!")))


class TestNothingToRead:
    @pytest.mark.parametrize("payload", [b"", b"  \r\n\r\n ", b"\x00\x01\x02" * 1000])
    def test_emptiness_is_an_item_error(self, payload: bytes) -> None:
        with pytest.raises(ItemError):
            read(payload)

    def test_header_fields_alone_are_a_message(self) -> None:
        message = read(HEAD + b"\r\n")
        assert (message.subject, message.text) == ("Printer", "")


class TestTypes:
    @pytest.mark.parametrize("kind", [b"message/x\x00\x00", b"image/p\x1bng", b"image/\xffpng", b"a/b\x7f"])
    def test_a_media_type_with_characters_that_no_type_has_is_none(self, kind: bytes) -> None:
        fields = b"Content-Disposition: attachment; filename=x.bin\r\n"
        for attached in read(multipart(b"mixed", part(b"text"), part(b"x", kind, fields))).attachments:
            assert attached.content_type.isprintable()
            assert attached.content_type.isascii()

    def test_a_defect_repeats_no_control_character_of_the_mail(self) -> None:
        assert all(defect.isprintable() for defect in read(mail(b"\xe9", b"text/plain; charset=\x05tf-8")).defects)
