"""New text, quoted text and signature are told apart, and nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsintel.events.message import Address
from opsintel_pipeline.normalize.html import html_to_text
from opsintel_pipeline.normalize.quotes import split_body

ADA = Address(kind="email", value="ada@x.example", name="Ada Byron")

INTRODUCTIONS = [
    "On Mon, Apr 2, 2012 at 6:26 PM, Megan One <megan@x.example> wrote:",
    "On Wed, May 18, 2016 at 11:10 PM Steven Scott <very.long.address.of.steven@notifications.example>\nwrote:",
    "--- On Wed, 4/4/12, ada@x.example <ada@x.example> wrote:",
    "Am 03.04.2021 um 10:15 schrieb Max Mustermann <max@x.example>:",
    "Am Mo., 3. Mai 2021 um 10:15 Uhr schrieb Max Mustermann <\nmax@x.example>:",
    "Le lun. 3 mai 2021 à 10:15, Jeanne Dupont <jeanne@x.example> a écrit :",
    "El lun, 3 may 2021 a las 10:15, Juan Pérez (<juan@x.example>) escribió:",
    "Il giorno lun 3 mag 2021 alle ore 10:15 Mario Rossi <mario@x.example> ha scritto:",
    "Em seg., 3 de mai. de 2021 às 10:15, João Silva <joao@x.example> escreveu:",
    "Op ma 3 mei 2021 om 10:15 schreef Jan Jansen <jan@x.example>:",
    "пн, 3 мая 2021 г. в 10:15, Иван Иванов <ivan@x.example>:",
    "03.05.2021 10:15, Иван Иванов пишет:",
    "pon., 3 maj 2021 o 10:15 Jan Kowalski <jan@x.example> napisał(a):",
    "W dniu 03.05.2021 o 10:15, Jan Kowalski pisze:",
    "Den mån 3 maj 2021 kl 10:15 skrev Sven Svensson <sven@x.example>:",
    "2021年5月3日(月) 10:15 山田太郎 <taro@x.example>:",
    "张三 <zhang@x.example> 于2021年5月3日周一 上午10:15写道：",
]

HEADER_BLOCKS = [
    "From: Kim\nSent: Monday, January 15, 2018 2:15 AM\nTo: you@x.example\nSubject: Invoice",
    "*From:* Kim <k@x.example>\n*Sent:* Monday, January 15, 2018 2:15 AM\n*To:* you@x.example\n*Subject:* Invoice",
    "Von: Kim\nGesendet: Montag, 15. Januar 2018 02:15\nAn: Sie\nBetreff: Rechnung",
    "De : Kim\nEnvoyé : lundi 15 janvier 2018 02:15\nÀ : vous\nObjet : Facture",
    "De: Kim\nEnviado el: lunes, 15 de enero de 2018 2:15\nPara: usted\nAsunto: Factura",
    "Da: Kim\nInviato: lunedì 15 gennaio 2018 02:15\nA: voi\nOggetto: Fattura",
    "De: Kim\nEnviada em: segunda-feira, 15 de janeiro de 2018\nPara: vocês\nAssunto: Fatura",
    "Van: Kim\nVerzonden: maandag 15 januari 2018 2:15\nAan: u\nOnderwerp: Factuur",
    "От: Ким\nОтправлено: 15 января 2018 г. 2:15\nКому: вам\nТема: Счёт",
    "Od: Kim\nWysłano: 15 stycznia 2018 02:15\nDo: Państwo\nTemat: Faktura",
    "Från: Kim\nSkickat: den 15 januari 2018 02:15\nTill: er\nÄmne: Faktura",
    "差出人: Kim\n送信日時: 2018年1月15日 2:15\n宛先: you\n件名: 請求書",
    "发件人: Kim\n发送时间: 2018年1月15日 2:15\n收件人: you\n主题: 发票",
]

MOBILE_LINES = [
    "Sent from my iPhone",
    "Sent from my Verizon Wireless BlackBerry",
    "Sent from Mail for Windows 10",
    "Get Outlook for iOS",
    "Von meinem iPhone gesendet",
    "Gesendet mit der Telekom Mail App",
    "Envoyé de mon iPhone",
    "Enviado desde mi iPhone",
    "Enviado do meu iPhone",
    "Inviato da iPhone",
    "Verstuurd vanaf mijn iPhone",
    "Отправлено с iPhone",
    "Wysłane z iPhone'a",
    "Skickat från min iPhone",
    "iPhoneから送信",
    "发自我的iPhone",
]


class TestQuotes:
    @pytest.mark.parametrize("introduction", INTRODUCTIONS)
    def test_a_top_posted_answer_is_told_by_its_introduction(self, introduction: str) -> None:
        body = split_body(f"It works again.\n\n{introduction}\n\n> Does it work?\n> Yours, Max\n")
        assert body.text == "It works again."
        assert "Does it work?" in body.quoted

    @pytest.mark.parametrize("introduction", INTRODUCTIONS)
    def test_a_bottom_posted_answer_stays_new(self, introduction: str) -> None:
        body = split_body(f"{introduction}\n> Does it work?\n\nYes, it works again.\n")
        assert body.text == "Yes, it works again."

    @pytest.mark.parametrize("introduction", INTRODUCTIONS[:12])
    def test_a_quote_without_marks_is_quoted_to_the_end(self, introduction: str) -> None:
        body = split_body(f"It works again.\n\n{introduction}\n\nDoes it work?\n\nYours, Max\n")
        assert body.text == "It works again."

    @pytest.mark.parametrize("block", HEADER_BLOCKS)
    @pytest.mark.parametrize("rule", ["", "________________________________\n", "-----Original Message-----\n"])
    def test_the_header_block_of_an_answered_message_begins_the_quote(self, block: str, rule: str) -> None:
        body = split_body(f"It works again.\n\n{rule}{block}\n\nDear all, does it work?")
        assert body.text == "It works again."
        assert body.quoted.endswith("does it work?")

    def test_answers_between_quoted_lines_are_all_new(self) -> None:
        body = split_body("On 3 May 2021, at 10:15, Max wrote:\n> One?\n\nYes.\n\n> Two?\n\nNo.\n")
        assert body.text == "Yes.\n\nNo."

    @pytest.mark.parametrize("block", HEADER_BLOCKS)
    def test_a_forwarded_message_is_content(self, block: str) -> None:
        for subject in ("Fwd: Invoice", "WG: Rechnung", "TR: Facture"):
            assert "does it work?" in split_body(f"Please handle.\n\n{block}\n\ndoes it work?", subject=subject).text
        forwarded = f"Please handle.\n\n---------- Forwarded message ----------\n{block}\n\ndoes it work?"
        assert "does it work?" in split_body(forwarded).text

    def test_a_message_that_is_all_header_block_stays_readable(self) -> None:
        assert "broken" in split_body("From: Kim\nDate: 2018-01-15\nSubject: Form\n\nThe lamp is broken").text

    @pytest.mark.parametrize(
        "text",
        [
            "As Anna wrote in the ticket:\nthe invoice is wrong and must be corrected.",
            "Steps:\nOn the first page: press Save.\nTo: choose a name.\nIt fails.",
            "We saw this error on 3 May 2021 at 10:15:\nConnection refused\nPlease help",
            "One: it hangs.\n\nTwo: it crashes.",
            "From: the first day, it failed.\nWe need help.",
            "5 > 3 is shown as false\n--verbose does not help\nplease look",
        ],
    )
    def test_plain_prose_stays_whole(self, text: str) -> None:
        assert split_body(text).text == text


class TestSignatures:
    @pytest.mark.parametrize("line", MOBILE_LINES)
    def test_the_lines_of_mobile_mailers_are_signatures(self, line: str) -> None:
        body = split_body(f"The app crashes.\n\n{line}\n\nOn 3 May 2021, at 10:15, Max <m@x.example> wrote:\n> hi")
        assert (body.text, body.signature) == ("The app crashes.", line)

    def test_a_sentence_that_begins_like_one_is_text(self) -> None:
        assert split_body("Hello\n\nSent from my desk, which is easier than my phone.").signature == ""

    def test_the_standard_delimiter_begins_a_signature_also_below_a_quote(self) -> None:
        body = split_body("Hi\n\n> quoted\n\nnew\n\n-- \nAda Byron\nAcme")
        assert (body.text, body.signature) == ("Hi\n\nnew", "-- \nAda Byron\nAcme")

    def test_a_closing_with_contact_details_is_a_signature_and_bare_thanks_is_not(self) -> None:
        body = split_body("The lamp is broken.\n\nMit freundlichen Grüßen\nAda Byron\nAcme GmbH\nTel. +49 30 1234567")
        assert body.text == "The lamp is broken."
        assert body.signature.startswith("Mit freundlichen")
        assert split_body("The lamp is broken.\n\nThanks,\nAda").text.endswith("Ada")

    def test_the_authors_name_above_contact_details_begins_a_signature(self) -> None:
        body = split_body("The lamp is broken.\n\nAda Byron\nada@x.example\n(555) 346-9947", author=ADA)
        assert body.text == "The lamp is broken."

    @pytest.mark.parametrize("name", ["Ada", "Ada Byron", "Byron, Ada", "- Ada"])
    def test_a_closing_above_the_authors_name_is_a_signature(self, name: str) -> None:
        body = split_body(f"The lamp is broken.\n\nThank you,\n{name}", author=ADA)
        assert (body.text, body.signature) == ("The lamp is broken.", f"Thank you,\n{name}")

    @pytest.mark.parametrize("below", ["Charles", "Ada will call you", "please"])
    def test_a_closing_above_other_words_is_text(self, below: str) -> None:
        assert split_body(f"The lamp is broken.\n\nThanks,\n{below}", author=ADA).signature == ""

    def test_the_authors_card_is_a_signature_from_its_first_line(self) -> None:
        card = "Ada K. Byron, Ph.D.\nAnalyst\nAcme Research\nada@x.example\nwww.x.example"
        assert split_body(f"The lamp is broken.\n\n{card}", author=ADA).signature == card

    @pytest.mark.parametrize(
        "paragraph",
        [
            "You reach Ada here:\nada@x.example",
            "ada\ncharles@x.example",
            "The error of yesterday is back\nada@x.example",
        ],
    )
    def test_a_paragraph_that_only_holds_an_address_is_text(self, paragraph: str) -> None:
        assert split_body(f"The lamp is broken.\n\n{paragraph}", author=ADA).signature == ""

    @pytest.mark.parametrize("name", ["Ada Byron", "-Ada Byron", "\u2013 Ada Byron"])
    def test_the_authors_name_above_an_address_is_a_signature_with_or_without_a_dash(self, name: str) -> None:
        assert split_body(f"The lamp is broken.\n\n{name}\n\nada@x.example", author=ADA).text == "The lamp is broken."

    def test_standing_notices_are_no_new_text(self) -> None:
        body = split_body(
            "The lamp is broken.\n\nThis email and any attachments are confidential and intended only for you."
        )
        assert body.text == "The lamp is broken."

    def test_a_message_never_becomes_all_signature(self) -> None:
        for text in ("Sent from my iPhone", "-Ada", "Best regards\nAda\nTel. +49 30 1234567"):
            assert split_body(text).text == text


class TestHtmlQuotes:
    @pytest.mark.parametrize(
        "quote",
        [
            '<div class="gmail_quote"><div class="gmail_attr">Ada:</div><blockquote>old words</blockquote></div>',
            '<blockquote type="cite">old words</blockquote>',
            '<div class="moz-cite-prefix">x</div><blockquote cite="mid:1">old words</blockquote>',
            '<hr><div id="divRplyFwdMsg"><b>Xyz:</b> Ada</div><div>old words</div>',
            '<div id="x_divRplyFwdMsg">Abc</div><p>old words</p>',
            '<div class="yahoo_quoted">old words</div>',
            "<p>26.06.2014, 14:41, Ada &lt;a@x.example&gt;:</p><blockquote>old words</blockquote>",
            "<p><b>From:</b> Ada<br><b>Sent:</b> Monday<br><b>To:</b> Bob<br><b>Subject:</b> x</p><p>old words</p>",
        ],
    )
    def test_the_quotes_of_mailers_are_told_by_their_elements(self, quote: str) -> None:
        body = split_body(html_to_text(f"<html><body><div>new words</div>{quote}</body></html>").marked)
        assert body.text == "new words"
        assert "old words" in body.quoted

    def test_text_below_a_quote_in_html_is_new(self) -> None:
        page = '<p>above</p><blockquote type="cite">old</blockquote><p>below</p>'
        assert split_body(html_to_text(page).marked).text == "above\n\nbelow"

    def test_a_forward_in_a_gmail_quote_is_content(self) -> None:
        page = '<p>see</p><div class="gmail_quote">---------- Forwarded message ---------<br>From: Ada<br><br>old</div>'
        assert "old" in split_body(html_to_text(page).marked).text

    def test_marked_signatures_are_signatures(self) -> None:
        body = split_body(html_to_text('<p>new</p><div class="gmail_signature">Ada Byron</div>').marked)
        assert (body.text, body.signature) == ("new", "Ada Byron")

    def test_a_page_cannot_forge_the_marks(self) -> None:
        assert split_body(html_to_text("<p>&#14;all new</p><p>&#x0f;really</p>").marked).text == "all new\n\nreally"


class TestNothingIsLost:
    @given(
        st.lists(
            st.sampled_from(
                [*INTRODUCTIONS, *HEADER_BLOCKS, *MOBILE_LINES, "", " ", "> quoted", "text", "-- ", "--",
                 "____________",
                 "-----Original Message-----", "---------- Forwarded message ----------", "Best regards",
                 "Tel. 030 1234567",
                 "\u3000", "-Ada", "This email and any attachments are confidential"]
            ),
            max_size=14,
        )
    )  # fmt: skip
    def test_every_line_is_in_exactly_one_of_the_three_texts(self, pieces: list[str]) -> None:
        text = "\n".join(pieces)
        body = split_body(text)
        parts = "\n".join((body.text, body.quoted, body.signature))
        assert sorted(line.strip() for line in parts.split("\n") if line.strip()) == sorted(
            line.strip() for line in text.split("\n") if line.strip()
        )
