"""Words by which mailers of many languages announce quotes, forwards and signatures.

Written from what the mailers produce (Outlook, Apple Mail, Gmail, Thunderbird, Yahoo, mobile mailers), in English,
German, French, Spanish, Italian, Portuguese, Dutch, Russian, Polish, Swedish, Danish, Norwegian, Finnish, Czech,
Hungarian, Turkish, Ukrainian, Japanese, Chinese and Korean.
"""

from __future__ import annotations

import re


def _words(category: str, names: str) -> dict[str, str]:
    return {name.strip(): category for name in names.split("|")}


HEADER_WORDS: dict[str, str] = {
    **_words(
        "from",
        "from|von|de|da|van|от|от кого|від|od|från|fra|lähettäjä|feladó|kimden|gönderen|差出人|送信者|发件人|"
        "寄件者|寄件人|보낸 사람|보낸사람|expéditeur|remitente|mittente|remetente|afzender|nadawca|odesílatel|發件人",
    ),
    **_words(
        "date",
        "sent|date|gesendet|datum|envoyé|envoyé le|fecha|enviado|enviado el|enviada em|enviado em|enviada|data|"
        "inviato|"
        "verzonden|отправлено|дата|надіслано|wysłano|wysłane|skickat|sendt|dato|lähetetty|päiväys|odesláno|elküldve|"
        "gönderme tarihi|gönderildi|tarih|送信日時|日時|日付|送信日|"
        "发送时间|发送日期|日期|寄件日期|時間|时间|發送時間|보낸 날짜|날짜|sent at|gesendet am|date d'envoi",
    ),
    **_words(
        "to",
        "to|an|à|para|a|aan|naar|кому|do|till|til|vastaanottaja|komu|címzett|kime|alıcı|宛先|收件人|收件者|받는 사람|"
        "destinataire|destinatario|destinatário|per",
    ),
    **_words("cc", "cc|kopie|kopie (cc)|копия|копія|dw|kopia|kopi|抄送|副本|참조|copie à|copie|bilgi|másolat"),
    **_words(
        "subject",
        "subject|betreff|betrifft|objet|sujet|asunto|oggetto|assunto|onderwerp|тема|temat|ämne|emne|aihe|"
        "předmět|tárgy|konu|"
        "件名|主题|主題|主旨|제목",
    ),
    **_words("other", "reply-to|antwort an|importance|priorität|wichtigkeit|attachments|anlagen|mailed-by"),
}
"""The names of the fields in the block that Outlook and others put above an answered message, by what they hold."""

WROTE = re.compile(
    r"wrote|writes|schrieb|geschrieben|schreibt|a écrit|écrivit|escribió|escribio|ha scritto|scrisse|escreveu|"
    r"schreef|"
    r"geschreven|написал|пишет|писал|пише|napisał|pisze|skrev|skrifaði|kirjoitti|napsal|napísal|írta|şunu yazdı|"
    r"yazdı|"
    r"\bwrote|書きました|書いた|のメール|写道|寫道|작성|님이 쓴|a scris|έγραψε",
    re.IGNORECASE,
)
"""The verb of a line that introduces a quote."""

STARTS = re.compile(
    r"(?:-{3,} ?)?[\s*_\"“(]*(?:(?:On|Am|Le|El|Il|Em|No dia|A|Op|W dniu|Dnia|Den|Il giorno|Dne|Pe|Στις|В|Vào)\b|"
    r"\d{1,4}\s?[./年년-]\s?\d{1,2}\s?[./月월-]|\d{1,2}\.? \w{3,12}\.? \d{4}|"
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|пн|вт|ср|чт|пт|сб|вс|Понед|Вторник|Среда|Четверг|Пятница|Суббота|Воскресенье|"
    r"ke|ma|ti|to|pe|la|su|po|út|st|čt|pá|so|ne|pon|wt|śr|czw|pt|sob|niedz|lun|mar|mer|jeu|ven|sam|dim|mié|jue|"
    r"vie|sáb|"
    r"seg|ter|qua|qui|sex|gio|dom|Mo|Di|Mi|Do|Fr|Sa|So|tis|ons|tors|fre|lör|"
    r"sön)\w{0,8}\.?,? {1,2}(?:\w{3,12}\.? )?\d)",
    re.IGNORECASE,
)
"""How a line begins that introduces a quote over several lines."""

_ORIGINAL = (
    "original message|original-message|original email|reply message|original appointment|ursprüngliche nachricht|"
    "originalnachricht|original-nachricht|ursprünglicher termin|"
    "message d'origine|message original|message d’origine|mensaje original|messaggio originale|mensagem original|"
    "oorspronkelijk bericht|origineel bericht|исходное сообщение|оригинальное сообщение|первоначальное сообщение|"
    "wiadomość oryginalna|oryginalna wiadomość|originalmeddelande|ursprungligt meddelande|oprindelig meddelelse|"
    "opprinnelig melding|alkuperäinen viesti|původní zpráva|původní e-mail|eredeti üzenet|orijinal mesaj|"
    "orijinal ileti|元のメッセージ|original message 原文|原始邮件|原始郵件|原始消息|원본 메시지|원본 메일"
)
ORIGINAL = frozenset(_ORIGINAL.split("|"))
"""What stands between dashes above an answered message."""

_FORWARDED = (
    "forwarded message|forwarded mail|forwarded by|begin forwarded message|weitergeleitete nachricht|"
    "anfang der weitergeleiteten nachricht|anfang der weitergeleiteten e-mail|message transféré|message transmis|"
    "début du message réexpédié|début du message transféré|mensaje reenviado|inicio del mensaje reenviado|"
    "mensaje remitido|messaggio inoltrato|inizio messaggio inoltrato|inizio del messaggio inoltrato|"
    "mensagem encaminhada|mensagem reencaminhada|início da mensagem reencaminhada|"
    "início da mensagem encaminhada|doorgestuurd bericht|"
    "begin doorgestuurd bericht|пересылаемое сообщение|пересланное сообщение|начало переадресованного сообщения|"
    "начало пересылаемого сообщения|wiadomość przekazana|przekazana wiadomość|początek przekazywanej wiadomości|"
    "vidarebefordrat meddelande|vidarebefordrat brev|videresendt besked|videresendt melding|edelleenlähetetty viesti|"
    "välitetty viesti|přeposlaná zpráva|továbbított üzenet|iletilen mesaj|転送されたメッセージ|転送メッセージ|"
    "转发的邮件|转发邮件|開始轉寄郵件|轉寄的郵件|轉寄郵件|开始转发邮件|전달된 메시지|전달된 메일"
)
FORWARDED = frozenset(_FORWARDED.split("|"))
"""What stands above a forwarded message, which is content."""

FORWARD_SUBJECT = re.compile(
    r"\s*(?:\[[^\]]{1,60}\]\s*)?(?:fwd?|wg|tr|rv|enc|pd|vs|vb|vl|i|doorst|转发|轉寄|転送|пересл|továbbítás|"
    r"ilt)\s*[:：]",
    re.IGNORECASE,
)
"""Subjects of forwarded mail."""

ABOVE_THIS_LINE = re.compile(
    r"(?:reply|respond|answer|antwort\w*|réponse|répond\w*|respuesta|respond\w*|risposta|resposta|reactie|ответ\w*)"
    r"\b.{0,40}\b(?:above this line|oberhalb dieser (?:linie|zeile)|über dieser zeile|au-dessus de cette ligne|"
    r"encima de esta línea|sopra questa riga|acima desta linha|boven deze regel|выше этой линии)",
    re.IGNORECASE,
)
"""The line that help desks put above their own text."""

_DEVICE = r"[\w'’\-. +()&/äöüß]{2,60}"
MOBILE = re.compile(
    rf"[\s*_~\-—–(]*(?:Sent (?:from|via|with|using) (?:my |a |the )?(?!desk\b){_DEVICE}|"
    rf"(?:Von|Aus) (?:meinem|meiner|mein) {_DEVICE} gesendet|Gesendet (?:von|mit|aus|über)\b {_DEVICE}|"
    rf"Diese Nachricht wurde von mein\w+ {_DEVICE} gesendet|"
    rf"Envoyé (?:de|depuis|à partir de|avec|par) (?:mon |ma |l['’])?{_DEVICE}|Télécharger Outlook {_DEVICE}|"
    rf"Enviad[oa] (?:desde|de|do|da|com|con|via|por)\b {_DEVICE}|Obtener Outlook {_DEVICE}|"
    rf"Inviato (?:da|dal|dall['’]|con)\b ?{_DEVICE}|Ottieni Outlook {_DEVICE}|Obter o Outlook {_DEVICE}|"
    rf"(?:Verzonden|Verstuurd) (?:vanaf|via|met|van|vanuit)\b {_DEVICE}|Outlook {_DEVICE} downloaden|"
    rf"Отправлено (?:с|из|через|от)\b {_DEVICE}|Надіслано (?:з|із)\b {_DEVICE}|"
    rf"(?:Wysłan[eoa]|Wysyłane) (?:z|ze|przy użyciu)\b {_DEVICE}|"
    rf"(?:Skickat|Skickades) (?:från|med)\b {_DEVICE}|(?:Sendt|Sent) fra\b {_DEVICE}|Lähetetty {_DEVICE}|"
    rf"Odesláno z\b {_DEVICE}|{_DEVICE}(?:gönderildi|から送信)|[\w ]{{0,30}}から送信|发自我的\s?[\w ]{{1,30}}|"
    rf"从我的\s?[\w ]{{1,30}}发送|"
    rf"從我的\s?[\w ]{{1,30}}傳送|寄自我的\s?[\w ]{{1,30}}|나의 [\w ]{{1,30}}에서 보냄|Get Outlook for {_DEVICE}|"
    rf"Holen Sie sich Outlook {_DEVICE}|Via mobile|Typed on my {_DEVICE})(?:\s*<[^>]{{0,200}}>)?[\s*_.!)]*\Z",
    re.IGNORECASE,
)
"""The line that a mobile mailer adds."""

CLOSING = re.compile(
    r"[\s*_]*(?:(?:best|kind|warm|warmest|kindest|many|with (?:best|kind)) regards|regards|best wishes|all the best|"
    r"yours (?:sincerely|faithfully|truly)|sincerely(?: yours)?|cheers|best|thanks|many thanks|thank you|"
    r"thanks (?:again|so much)|(?:mit )?(?:freundlichen?|besten?|herzlichen?|liebe|viele|schöne) grü(?:ß|"
    r"ss)en?(?: aus \w+)?|mfg|lg|vg|"
    r"cordialement|bien cordialement|bien à vous|salutations(?: distinguées)?|merci(?: d'avance)?|"
    r"(?:un )?saludos?(?: cordiales)?|atentamente|un cordial saludo|gracias|"
    r"cordiali saluti|distinti saluti|saluti|grazie|atenciosamente|atentamente|cumprimentos|obrigad[oa]|abraços|"
    r"met vriendelijke groet(?:en)?|vriendelijke groet(?:en)?|groet(?:en|jes)?|mvg|bedankt|"
    r"с уважением|спасибо|pozdrawiam|z poważaniem|(?:med )?vänliga hälsningar|hälsningar|mvh|med venlig hilsen|"
    r"よろしくお願い(?:いた)?します|以上|敬具|此致|谢谢|祝好)[\s,.!;:、，。*_]*",
    re.IGNORECASE,
)
"""A closing formula alone on its line."""

DISCLAIMER = re.compile(
    r"[\s*_]*(?:this (?:e-?mail|message|communication)(?: message)?(?:,? (?:and|including) (?:any|its|all)\b|"
    r"(?: and any)?.{0,40}(?:is|are|may be|contains?|may contain)\b.{0,40}(?:confidential|privileged|intended))|"
    r"(?:confidentiality|legal) (?:notice|note|disclaimer)|disclaimer\s*:|"
    r"diese (?:e-?mail|nachricht).{0,60}vertraulich|der inhalt dieser e-?mail ist vertraulich|"
    r"ce (?:message|courriel|mail).{0,60}confidentiel|este (?:mensaje|correo|email|e-mail).{0,80}confidencial|"
    r"questo messaggio.{0,60}(?:riservat|confidenzial)|esta mensagem.{0,60}confidencia|"
    r"dit (?:bericht|e-mailbericht).{0,60}vertrouwelijk|please consider the environment before printing|"
    r"virus-free\.|this email (?:has been|was) (?:scanned|checked))",
    re.IGNORECASE,
)
"""How the standing notice under a company's mail begins."""

CONTACT = re.compile(r"@|https?://|www\.|\+?\d[\d ()./-]{6,}\d|\b(?:tel|phone|fon|mobile|mobil|fax)\b", re.IGNORECASE)
"""What tells a block of contact details."""
