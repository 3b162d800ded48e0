"""The page of an export that people read: what is in it, and the messages; without script, all text escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from opsintel_pipeline.person_export.messages import AUTHOR, MENTIONED, RECIPIENT

MEANINGS = {
    "message": "Messages you wrote, received or are named in",
    "message_revision": "Earlier versions of messages",
    "message_occurrence": "Where messages were seen",
    "message_label": "Labels of messages",
    "message_link": "Links in messages",
    "attachment": "Names of attachments",
    "analysis": "What was found in your messages, and by what",
    "correction": "What people said of your messages where the analysis was wrong",
    "gold_example": "Messages of yours that analyses are measured on",
    "shadow_run": "Versions of analyses that were tried, where you are named",
    "learned_rule": "What people said again and again of messages like yours",
    "review_item": "Messages of yours whose analysis somebody is to look at",
    "embedding": "Vectors by which messages are compared",
    "embedding_model": "Words of yours that a fitted model knows",
    "issue": "Issues that your messages are in",
    "issue_member": "Why a message is in an issue",
    "issue_event": "What you did with issues",
    "issue_assignee": "Issues that you take care of",
    "issue_constraint": "What was decided about messages that belong together",
    "thread": "Conversations that you began",
    "participant": "You as an author of messages",
    "participant_identity": "Your addresses",
    "fact_participant_day": "On which days you wrote",
    "app_user": "Your account",
    "membership": "Your membership",
    "identity": "Who you are at providers of single sign-on",
    "refresh_token": "Your sessions",
    "account_token": "Registrations of yours that are over",
    "tenant": "Your addresses among those of the organization's own people",
    "invitation": "Invitations to you",
    "audit_log": "What you did in the product, and what was done about you",
    "audit_subject": "Ids that stand for you in the audit log",
    "job": "What you had the product do",
    "raw_payload": "What was stored as it came",
    "object": "Objects that hold it",
    "original": "The originals of what you wrote (folder originals)",
    "sheet_row": "Rows of exported sheets about your issues",
}
_ROLES = {AUTHOR: "You wrote", RECIPIENT: "Sent to you", MENTIONED: "Names you"}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}"
    "article{border-top:1px solid #ccc;padding:.8rem 0}p{white-space:pre-wrap;overflow-wrap:anywhere;margin:.4rem 0}"
)


def index_page(messages: Sequence[Mapping[str, Any]], counts: Mapping[str, int], made_at: str) -> str:
    """Return the page as HTML."""
    rows = "".join(
        f"<tr><td>{count:,}</td><td>{escape(MEANINGS.get(name, name.replace('_', ' ')))}</td>"
        f"<td>{escape(name)}</td></tr>"
        for name, count in sorted(counts.items())
    )
    shown = sorted(messages, key=lambda message: str(message.get("occurred_at") or ""), reverse=True)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Your data</title>'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{_STYLE}</style></head><body><h1>Your data</h1>"
        f"<p>Made at {escape(made_at)}. Each file in the folder records has one JSON object on a line. Your own"
        " messages are whole. Of others' messages there is what was sent to you, or the sentences that name you; other"
        " people's addresses and telephone numbers are taken out.</p>"
        f"<h2>What is in it</h2><table><tr><th>Records</th><th>What</th><th>File</th></tr>{rows}</table>"
        f"<h2>Messages</h2>{''.join(_article(message) for message in shown)}</body></html>"
    )


def _article(message: Mapping[str, Any]) -> str:
    head = " · ".join(
        str(part) for part in (message.get("occurred_at"), _ROLES[message["person_is"]], message.get("channel")) if part
    )
    texts = "".join(
        f"<p>{escape(str(message[name]))}</p>"
        for name in ("text", "quoted_text", "signature_text")
        if message.get(name)
    )
    return f"<article><h3>{escape(str(message.get('subject') or '—'))}</h3>{escape(head)}{texts}</article>"
