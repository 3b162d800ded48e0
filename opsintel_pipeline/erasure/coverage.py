"""What becomes of each column that can hold text or bytes when a person is erased: a decision for every one.

A column is either searched by the sweep, without a word here, or stands here with what is done, or why it stays. A
table or column that is added without a decision fails the tests (tests/erasure/test_coverage.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ARRAY, Column, LargeBinary, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

from opsintel.db.tables import declaration_of, metadata

_LIST = "one word of a fixed list"
_OURS = "made by the product: a version, a model, a hash of many; of no one person"
_HASH = "a hash or sealed value, from which nothing can be read"
_GOES = "the row goes with the person"
_REDACTED = "emptied where the person wrote it, redacted elsewhere, with all that was derived of it"
_DERIVED = "goes with the text it was made of, and is made anew"
_IDS = "ids, figures and days alone; audit entries name people by opaque ids whose mapping goes"
_SETTINGS = "what the tenant set up; a source that names the person is listed in the receipt"
_ACCOUNT = "goes with the account, where it is in no other tenant"
_OPERATORS = "of those who run the installation"

DECIDED: dict[str, dict[str, str]] = {
    "alert": {"kind subject_kind actor_kind": _LIST, "line": _OURS, "actor_id": _IDS},
    "analysis": {
        "title summary output category corrected": _DERIVED,
        "status kind impact urgency not_actionable_reason language": _LIST,
        "profile_version provider model confidence input_hash template_key": _OURS,
    },
    "analyst": {"role_name name": _OPERATORS},
    "account_token": {
        "details": "a registration that is over goes with the person",
        "purpose": _LIST,
        "token_hash": _HASH,
    },
    "api_key": {"hash previous_hash": _HASH},
    "app_user": {"email name password_hash": _ACCOUNT},
    "attachment": {"filename": _REDACTED, "content_type": _LIST},
    "audit_head": {"hash": _HASH},
    "audit_log": {
        "actor_kind actor_id action subject_kind subject_id details": _IDS,
        "prev_hash hash": _HASH,
    },
    "audit_subject": {"kind reference": _GOES},
    "authorization_request": {
        "state_hash browser_hash": _HASH,
        "purpose provider": _LIST,
        "details": "the page to go on to, or the key of an invitation; goes within minutes",
    },
    "batch": {"kind state run_id": _IDS},
    "calibration": {"provider model field": _OURS},
    "category_model": {
        "state": "vectors and words of the latest messages: the whole fit goes, and is made anew",
        "version taxonomy": _OURS,
    },
    "correction": {"field actor_kind actor_id": _IDS},
    "data_key": {"wrapped": _HASH},
    "embedding": {"vector": _DERIVED, "model_version": _OURS, "text_hash": _HASH},
    "embedding_model": {
        "state": "words that the person alone used are blanked in its vocabulary",
        "name version reason mean": _OURS,
    },
    "person_export": {
        "wanted counts error object_key state": "every export of the tenant goes, as each may quote the person",
        "actor_kind actor_id": _IDS,
        "sha256": _HASH,
    },
    "erasure": {
        "wanted progress": "emptied as the erasure ends",
        "error": "emptied as the erasure ends; names nobody",
        "actor_id": "emptied where the person asked for it",
        "standing fingerprint": _HASH,
        "kind state actor_kind counts receipt receipt_hash ledger_key": _IDS,
    },
    "erasure_suppression": {"hash": "a keyed hash, by which what comes later is erased on arrival"},
    "export_row": {"row_hash": _HASH},
    "export_target": {"kind name config state": _SETTINGS},
    "fact_model_usage_day": {"purpose provider model": _OURS},
    "evaluation": {"profile_version model field": _OURS},
    "gold_example": {"labels stratum": _DERIVED, "input_hash": _HASH},
    "identity": {"issuer subject": _ACCOUNT},
    "invitation": {"email role grants": _GOES},
    "issue": {"centroid": "the mean of what is left, made anew"},
    "learned_rule": {"scope field state actor_kind": _LIST, "actor_id": _IDS},
    "message": {
        "subject text quoted_text signature_text recipients extra defects channel rfc_message_id parent_key"
        " automatic_reason": _REDACTED,
        "search": "computed by the database from subject and text",
        "kind occurred_at_flag direction visibility language automatic opaque": _LIST,
        "content_hash": _HASH,
    },
    "message_label": {"label": _REDACTED},
    "message_link": {"url text": _REDACTED},
    "message_revision": {"subject text": _REDACTED},
    "model_call": {"call_key": _HASH, "purpose provider model state fault": _OURS},
    "model_batch": {"provider base_url model remote_id not_ours state fault": _OURS},
    "model_batch_message": {"input_hash template_key": _HASH},
    "model_batch_question": {
        "call answer": "every question of the tenant that is here goes, as each may quote the person",
        "provider model profile_version shown": _OURS,
        "state way": _LIST,
    },
    "named_lock": {"key": _IDS},
    "operator": {"name token_hash": _OPERATORS},
    "participant": {"display_name": _GOES},
    "participant_identity": {"kind value": _GOES},
    "push_receipt": {
        "delivery_id keys": "ids of the provider's own; the row goes after its time",
        "body": "read within moments and emptied; what it brings is erased on arrival",
    },
    "quarantine": {"payload detail reason fingerprint": "announcements of work: ids alone, and goes after its time"},
    "rate_limit": {"key": _IDS},
    "raw_payload": {"sha256": "emptied when the bytes go"},
    "refresh_token": {"token_hash": _HASH},
    "shadow_run": {
        "profile_version chain figures error": _OURS,
        "state actor_kind": _LIST,
        "actor_id": _IDS,
    },
    "review_item": {
        "labels": _DERIVED,
        "reason fields state detail actor_kind": _LIST,
        "actor_id": _IDS,
    },
    "secret": {"sealed": _HASH},
    "sign_of_life": {"process": _OURS},
    "source": {"kind config config_key state": _SETTINGS},
    "source_state": {"stream cursor": "the connector's own place in a stream; what it brings is erased on arrival"},
    "taxonomy": {"base": _LIST, "actor_kind actor_id": _IDS},
    "template_memory": {"key content": _HASH, "kind": _LIST},
    "tenant": {
        "own_domains": "the person's addresses are taken out",
        "slug name language personal_data": _SETTINGS,
    },
}  # fmt: skip
"""By table and columns, what is done with them or why they stay."""


def decisions(table: str) -> dict[str, str]:
    """Return what is decided of a table's columns, by column."""
    return {name: why for names, why in DECIDED.get(table, {}).items() for name in names.split()}


def searched_columns(table: Table) -> list[str]:
    """Return the columns that the sweep searches: texts, JSON and arrays of texts of which nothing else is decided."""
    declared, decided = declaration_of(table), decisions(table.name)
    if (
        declared.tenant_column != "tenant_id"
        or declared.erasure not in ("row", "recomputed", "with_tenant")
        or "UPDATE" not in declared.tenant_rights
    ):
        return []
    return [column.name for column in table.columns if _is_text(column) and column.name not in decided]


def undecided(tables: Iterable[Table] = metadata.sorted_tables) -> list[str]:
    """Return the columns, as `table.column`, that can hold text or bytes and of which nothing is decided."""
    return [
        f"{table.name}.{column.name}"
        for table in tables
        for column in table.columns
        if _can_hold(column) and column.name not in searched_columns(table) and column.name not in decisions(table.name)
    ]


def _is_text(column: Column[Any]) -> bool:
    kind = column.type
    if isinstance(kind, ARRAY):
        return isinstance(kind.item_type, Text)
    return isinstance(kind, Text | JSONB) and column.computed is None


def _can_hold(column: Column[Any]) -> bool:
    """Tell whether a column can hold text, or bytes made of it; vectors are bytes too."""
    kind = column.type
    if isinstance(kind, ARRAY):
        return not isinstance(kind.item_type, Uuid)
    return isinstance(kind, Text | JSONB | TSVECTOR | LargeBinary) or kind.__class__.__name__.lower() == "vector"
