"""Threads by references, languages by text."""

from __future__ import annotations

import pytest

from opsintel_pipeline.language import detect
from opsintel_pipeline.normalize.threads import base_subject
from tests.normalize.mails import mail, read


class TestThreads:
    def test_an_answer_shares_the_key_of_the_first_message(self) -> None:
        first = read(mail(b"x"))
        reply = read(b"From: b@x.example\nMessage-ID: <2@x>\nIn-Reply-To: <1@customer.example>\n\ny")
        later = read(
            b"From: c@x.example\nMessage-ID: <3@x>\nReferences: <1@customer.example>\n <2@x>\nIn-Reply-To: <2@x>\n\nz"
        )
        assert first.thread_key == reply.thread_key == later.thread_key == "1@customer.example"
        assert later.references == ("1@customer.example", "2@x")
        assert later.parent_key == "2@x"

    def test_equal_subjects_of_first_messages_are_two_threads(self) -> None:
        one = read(b"From: a@x.example\nMessage-ID: <1@x>\nSubject: Your invoice\n\nx")
        two = read(b"From: b@x.example\nMessage-ID: <2@x>\nSubject: Your invoice\n\nx")
        assert one.thread_key != two.thread_key

    def test_answers_without_references_meet_by_their_subject(self) -> None:
        one = read(b"From: a@x.example\nMessage-ID: <1@x>\nSubject: Re: Printer on floor two\n\nx")
        two = read(b"From: b@x.example\nMessage-ID: <2@x>\nSubject: AW: RE: printer on  floor two\n\nx")
        assert one.thread_key == two.thread_key

    @pytest.mark.parametrize("subject", ["Re: a", "AW: WG: a", "Re[2]: Fwd: a", "RE : a", "回复：a", "Odp: [x] Re: a"])
    def test_prefixes_of_many_mailers_are_taken_off(self, subject: str) -> None:
        assert base_subject(subject) == "a"


class TestLanguage:
    @pytest.mark.parametrize(
        ("text", "language"),
        [
            ("My card is not working, please help me", "en"),
            ("Meine Karte funktioniert nicht mehr, bitte helfen Sie mir", "de"),
            ("Ma carte ne fonctionne plus, pouvez-vous m'aider ?", "fr"),
            ("Mi tarjeta no funciona, ¿pueden ayudarme por favor?", "es"),
            ("Моя карта больше не работает, помогите пожалуйста", "ru"),
            ("カードが使えません", "ja"),
            ("我的银行卡无法使用", "zh"),
            ("카드가 작동하지 않습니다", "ko"),
        ],
    )
    def test_common_languages_are_told(self, text: str, language: str) -> None:
        assert detect(text) == language

    @pytest.mark.parametrize(
        "text", ["", "ok", "+1", "12345 67890 1234567", "https://x.example/a/very/long/path", "ID-4711"]
    )
    def test_too_little_text_has_no_language(self, text: str) -> None:
        assert detect(text) == ""
