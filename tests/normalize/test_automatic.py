"""Mail that no person wrote to this reader is told by its header fields, weakly by its subject."""

from __future__ import annotations

import pytest

from opsintel.events.message import AutomaticClass
from tests.normalize.mails import mail, read


class TestAutomaticMail:
    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            (b"Auto-Submitted: auto-replied (vacation)", AutomaticClass.AUTO_REPLY),
            (b"Auto-Submitted: auto-generated", AutomaticClass.NOTIFICATION),
            (b"X-Autoreply: yes", AutomaticClass.AUTO_REPLY),
            (b"X-Autorespond: Out", AutomaticClass.AUTO_REPLY),
            (b"Precedence: auto_reply", AutomaticClass.AUTO_REPLY),
            (b"Precedence: bulk", AutomaticClass.NEWSLETTER),
            (b"List-Id: <users.x.example>\r\nList-Post: <mailto:users@x.example>", AutomaticClass.MAILING_LIST),
            (b"List-Unsubscribe: <https://x.example/u>", AutomaticClass.NEWSLETTER),
            (b"List-Id: <news.x.example>\r\nList-Unsubscribe: <https://x.example/u>", AutomaticClass.NEWSLETTER),
            (b"Return-Path: <>", AutomaticClass.NOTIFICATION),
            (b"X-Failed-Recipients: a@b.example", AutomaticClass.BOUNCE),
        ],
    )
    def test_header_fields_tell_the_class(self, fields: bytes, expected: AutomaticClass) -> None:
        message = read(mail(b"Hello", fields=fields + b"\r\n"))
        assert message.automatic is expected
        assert message.automatic_reason

    @pytest.mark.parametrize(
        "fields", [b"Auto-Submitted: no", b"X-Autoreply: no", b"Precedence: normal", b"Return-Path: <ada@x.example>"]
    )
    def test_fields_that_deny_it_make_no_automatic_mail(self, fields: bytes) -> None:
        assert read(mail(b"Hello", fields=fields + b"\r\n")).automatic is None

    @pytest.mark.parametrize(
        "subject",
        [
            "Automatic reply: Invoice", "Out of Office", "Out of office: Ada", "Abwesenheitsnotiz: Rechnung",
            "Automatische Antwort: Rechnung", "Réponse automatique : Facture", "Respuesta automática: Factura",
            "Risposta automatica: Fattura", "Resposta automática: Fatura", "Automatisch antwoord: Factuur",
            "Автоответ: Счёт", "Automatyczna odpowiedź: Faktura", "Autosvar: Faktura",
            "自動返信: 請求書", "自动回复: 发票",
        ],
    )  # fmt: skip
    def test_subjects_of_automatic_replies_are_a_sign(self, subject: str) -> None:
        raw = f"From: a@b.example\nSubject: {subject}\n\nI am away".encode()
        assert read(raw).automatic is AutomaticClass.AUTO_REPLY

    @pytest.mark.parametrize(
        "subject",
        ["Automatic payments fail", "Office chair out of stock", "Re: Undo the away mode", "Reply button broken"],
    )
    def test_subjects_about_such_things_are_a_persons(self, subject: str) -> None:
        assert read(f"From: a@b.example\nSubject: {subject}\n\nHelp".encode()).automatic is None

    def test_a_bounce_without_a_report_is_told_by_sender_and_subject(self) -> None:
        raw = b"From: MAILER-DAEMON@mx.example\nSubject: Undelivered Mail Returned to Sender\n\nSorry"
        assert read(raw).automatic is AutomaticClass.BOUNCE
