"""Mail that no person wrote to this reader: what the header fields say, and weakly what the subject says."""

from __future__ import annotations

import re

from opsintel.events.message import AutomaticClass
from opsintel_pipeline.normalize.headers import Headers

Verdict = tuple[AutomaticClass | None, str]

_NOBODY = re.compile(
    r"(?:mailer-daemon|postmaster|mail-daemon|mdaemon)(?:[+.-][^@]*)?@|"
    r"(?:no-?reply|do-?not-?reply|donotreply|noreply[\w.+-]*|bounces?|notifications?|alerts?|automated|"
    r"nicht-?antworten)@",
    re.IGNORECASE,
)
_DAEMON = re.compile(r"(?:mailer-daemon|postmaster|mail-daemon)\b", re.IGNORECASE)
_BOUNCE_SUBJECT = re.compile(
    r"\s*(?:undeliver(?:ed|able)\b|delivery (?:status notification|failure|has failed|report)|"
    r"mail delivery (?:failed|system)|returned mail|failure notice|undelivered mail returned|unzustellbar|"
    r"nicht zustellbar|unzustellbare|"
    r"non remis|échec de la remise|no se puede entregar|impossibile recapitare|não entregue|onbestelbaar|"
    r"не доставлено|недоставленное|niedostarczon|olevererbart)",
    re.IGNORECASE,
)
_AUTO_REPLY_SUBJECT = re.compile(
    r"\s*(?:(?:re|aw|sv|antw)\s*:\s*)?(?:auto(?:matic|mated)?[ -]?(?:reply|response)|autoreply|auto:|"
    r"out of (?:the )?office|away from|on (?:vacation|holiday|annual leave)\b|vacation (?:reply|notice)|"
    r"i am out of|ooo\b|"
    r"automatische antwort|abwesenheits?|abwesend|nicht im büro|réponse automatique|absence du bureau|absent\b|"
    r"respuesta automática|fuera de (?:la )?oficina|risposta automatica|fuori (?:sede|ufficio)|"
    r"resposta automática|fora do escritório|ausência|automatisch antwoord|afwezig|niet aanwezig|автоответ|"
    r"автоматический ответ|"
    r"autoodpowiedź|automatyczna odpowiedź|poza biurem|autosvar|automatiskt svar|frånvaro|automaattinen vastaus|"
    r"自動応答|自動返信|不在|自动回复|"
    r"自動回覆|자동 회신|부재중)",
    re.IGNORECASE,
)
_AUTO_REPLY_FIELDS = (
    "x-autoreply",
    "x-autorespond",
    "x-auto-reply",
    "x-autoresponse",
    "x-autoreply-from",
    "x-mail-autoreply",
)
_NEWSLETTER_FIELDS = (
    "list-unsubscribe",
    "x-campaign",
    "x-campaignid",
    "x-mailchimp-id",
    "x-mc-user",
    "feedback-id",
    "x-csa-complaints",
)
_NO = ("", "no", "n", "false", "0", "none")


def classify(headers: Headers, subject: str, author: str, report: str) -> Verdict:
    """Return the class of a mail and what told, or (None, '') for a person's mail.

    `report` is `bounce` or `delivery` where the mail is a delivery report (RFC 3464, RFC 8098), else ''.
    """
    if report == "bounce":
        return AutomaticClass.BOUNCE, "delivery report: failed"
    if report == "delivery":
        return AutomaticClass.DELIVERY_REPORT, "delivery report"
    found = _by_sender(headers, subject, author) or _by_fields(headers, subject) or _by_lists(headers, author)
    return found or (None, "")


def _by_sender(headers: Headers, subject: str, author: str) -> Verdict | None:
    """Bounces without a report: their null return path or their daemon's address, with a subject that says so."""
    bounced = _BOUNCE_SUBJECT.match(subject)
    null_path = "return-path" in headers and headers.raw("return-path").replace(" ", "") == "<>"
    if "x-failed-recipients" in headers:
        return AutomaticClass.BOUNCE, "X-Failed-Recipients"
    if bounced and (null_path or _DAEMON.match(author)):
        return AutomaticClass.BOUNCE, "subject of a bounce from a mail system"
    if _DAEMON.match(author):
        return AutomaticClass.DELIVERY_REPORT, "written by a mail system"
    if null_path and not _AUTO_REPLY_SUBJECT.match(subject) and "auto-submitted" not in headers:
        return AutomaticClass.NOTIFICATION, "null return path"
    return None


def _by_fields(headers: Headers, subject: str) -> Verdict | None:
    """Automatic answers and notifications by the fields that say so (RFC 3834, and what came before it)."""
    submitted = headers.raw("auto-submitted").split(";", 1)[0].split("(", 1)[0].strip().lower()
    if submitted.startswith("auto-replied"):
        return AutomaticClass.AUTO_REPLY, "Auto-Submitted: auto-replied"
    for name in _AUTO_REPLY_FIELDS:
        if headers.raw(name).strip().lower() not in _NO:
            return AutomaticClass.AUTO_REPLY, name
    precedence = headers.raw("precedence").strip().lower()
    if precedence in ("auto_reply", "auto-reply"):
        return AutomaticClass.AUTO_REPLY, "Precedence: auto_reply"
    if _AUTO_REPLY_SUBJECT.match(subject):
        return AutomaticClass.AUTO_REPLY, "subject of an automatic reply"
    if submitted and submitted != "no" and not headers.raw("list-id"):
        return AutomaticClass.NOTIFICATION, f"Auto-Submitted: {submitted[:40]}"
    return None


def _by_lists(headers: Headers, author: str) -> Verdict | None:
    """Lists (RFC 2919), newsletters (RFC 2369, RFC 8058) and mail in bulk."""
    precedence = headers.raw("precedence").strip().lower()
    posting = headers.raw("list-post")
    if "list-id" in headers and ("list-post" in headers or precedence == "list") and "NO" not in posting:
        return AutomaticClass.MAILING_LIST, "List-Id"
    if "mailing-list" in headers:
        return AutomaticClass.MAILING_LIST, "Mailing-List"
    if any(name in headers for name in _NEWSLETTER_FIELDS):
        return AutomaticClass.NEWSLETTER, "sent in bulk: List-Unsubscribe or a campaign's field"
    if "list-id" in headers:
        return AutomaticClass.MAILING_LIST, "List-Id"
    if precedence in ("bulk", "junk"):
        return AutomaticClass.NEWSLETTER, f"Precedence: {precedence}"
    if precedence == "list":
        return AutomaticClass.MAILING_LIST, "Precedence: list"
    if _NOBODY.match(author):
        return AutomaticClass.NOTIFICATION, "sender that takes no answers"
    return None
