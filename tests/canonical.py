"""A tenant's rows without generated ids and clock times: equal for two ways that must lead to the same."""

from __future__ import annotations

from opsintel.db.engine import Database
from opsintel.tenants import Tenant

Dump = dict[str, list[tuple[object, ...]]]

_NAMED = """
    WITH named AS (
        SELECT message_id AS id, min(source.name || ' ' || native_id) AS name
        FROM message_occurrence JOIN source ON source.id = source_id GROUP BY message_id),
    author AS (
        SELECT participant_id AS id, min(kind || ' ' || value) AS name
        FROM participant_identity GROUP BY participant_id),
    undated AS (SELECT DISTINCT sorted_at FROM message WHERE occurred_at IS NULL)
"""

_STATEMENTS = {
    "raw_payload": """
        SELECT source.name, native_id, version, format, channel, occurred_at, partition_day, sha256, size, deleted,
               normalized_at IS NOT NULL
        FROM raw_payload JOIN source ON source.id = source_id""",
    "source_state": """
        SELECT source.name, stream, (cursor - 'stamp')::text FROM source_state JOIN source ON source.id = source_id""",
    "ingest_failure": """
        SELECT source.name, stage, ingest_failure.kind, key, reason, partition_day, retryable, resolved_at IS NULL
        FROM ingest_failure JOIN source ON source.id = source_id""",
    "message": """
        SELECT named.name, kind, partition_day, occurred_at, rfc_message_id, content_hash, thread.key, parent_key,
               author.name, recipients::text, direction, visibility, channel, message.subject, text, quoted_text,
               signature_text, language, automatic, automatic_reason, is_bot, defects, extra::text, revision,
               deleted_at IS NULL
        FROM message JOIN named ON named.id = message.id LEFT JOIN author ON author.id = author_id
        LEFT JOIN (SELECT id, key FROM thread) AS thread ON thread.id = thread_id""",
    "analysis": """
        SELECT named.name, analysis.kind, analysis.partition_day, profile_version, input_hash, status, is_actionable,
               category, severity, severity_floor, impact, urgency, sentiment, title, summary, output::text, current
        FROM analysis JOIN named ON named.id = message_id""",
    "embedding": """
        SELECT named.name, model_version, vector::text FROM embedding JOIN named ON named.id = message_id""",
    "issue": """
        SELECT issue.number, title, title_method, summary, named.name, category, severity, state,
               CASE WHEN first_seen NOT IN (SELECT sorted_at FROM undated) THEN first_seen END,
               CASE WHEN last_seen NOT IN (SELECT sorted_at FROM undated) THEN last_seen END,
               messages, customers, sources, target.number
        FROM issue LEFT JOIN named ON named.id = example_message_id
        LEFT JOIN (SELECT id, number FROM issue) AS target ON target.id = merged_into""",
    "issue_member": """
        SELECT named.name, issue.number, method, distance, other.number, runner_up_distance, removed_at IS NULL
        FROM issue_member JOIN named ON named.id = message_id JOIN issue ON issue.id = issue_id
        LEFT JOIN (SELECT id, number FROM issue) AS other ON other.id = runner_up_issue_id""",
    "issue_event": """
        SELECT issue.number, issue_event.kind, actor FROM issue_event JOIN issue ON issue.id = issue_id""",
    "fact_message_day": """
        SELECT day, source.name, fact_message_day.kind, severity, is_actionable, messages, sentiment_sum
        FROM fact_message_day JOIN source ON source.id = source_id""",
    "fact_participant_day": """
        SELECT day, author.name, messages FROM fact_participant_day JOIN author ON author.id = participant_id""",
    "fact_issue_day": """
        SELECT day, issue.number, fact_issue_day.messages, unique_participants, unique_organizations, sev1, sev2, sev3,
               sev4, sev5, sentiment_sum
        FROM fact_issue_day JOIN issue ON issue.id = issue_id""",
    "fact_source_day": """
        SELECT day, source.name, census, stored, normalized, analysed, exported, failed
        FROM fact_source_day JOIN source ON source.id = source_id""",
}


def dump(database: Database, tenant: Tenant) -> Dump:
    """Return a tenant's rows by table, sorted; messages, people, issues and sources by their own names."""
    with database.tenant_tx(tenant.id) as connection:
        return {
            table: sorted(connection.execute(_NAMED + statement).fetchall(), key=repr)
            for table, statement in _STATEMENTS.items()
        }
