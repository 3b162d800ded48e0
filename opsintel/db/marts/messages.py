"""Messages and their analyses."""

from opsintel.db.marts.declaration import View, personal, plain, words

_FIRST_PLACE = """
    LEFT JOIN LATERAL (
        SELECT message_occurrence.source_id, source.kind, source.name
        FROM message_occurrence
            JOIN source ON source.tenant_id = message_occurrence.tenant_id AND source.id = message_occurrence.source_id
        WHERE message_occurrence.tenant_id = message.tenant_id AND message_occurrence.message_id = message.id
            AND message_occurrence.deleted_at IS NULL
        ORDER BY message_occurrence.seen_at, message_occurrence.source_id, message_occurrence.native_id
        LIMIT 1
    ) AS place ON true
"""

_CURRENT = """
    LEFT JOIN analysis ON analysis.tenant_id = message.tenant_id AND analysis.message_id = message.id
        AND analysis.current
"""

_NOT_ANALYSED = """CASE
        WHEN analysis.status = 'done' THEN NULL
        WHEN message.deleted_at IS NOT NULL THEN 'deleted at its source'
        WHEN NOT message.selected THEN 'left out by the filter of its source'
        WHEN analysis.status IS NOT NULL THEN analysis.status
        WHEN message.opaque <> '' THEN 'encrypted: ' || message.opaque
        WHEN message.automatic IS NOT NULL THEN 'automatic: ' || message.automatic
        ELSE 'waiting'
    END"""

v_message = View(
    "v_message",
    "Messages, one row each however many places they were seen in; deleted ones stay without their texts",
    (
        plain("message_id", "message.id", "Identifier"),
        plain("day", "(message.sorted_at AT TIME ZONE 'UTC')::date", "UTC day it counts for in the daily views"),
        plain("at", "message.sorted_at", "The provider's time; the time of storing where that is missing or absurd"),
        plain("kind", "message.kind", "email, chat or ticket"),
        plain("direction", "message.direction", "inbound, outbound, internal or unknown"),
        plain("visibility", "message.visibility", "public, or internal for help desk notes"),
        plain("language", "message.language", "BCP 47; '' when too short to tell"),
        plain("automatic", "message.automatic", "Class of automatic mail; null for a person's"),
        plain("is_bot", "message.is_bot", "Whether a bot wrote it"),
        plain("thread_id", "message.thread_id", "Conversation it belongs to"),
        plain("source_id", "place.source_id", "First source that it is still in"),
        plain("source_kind", "place.kind", "Kind of that source, e.g. mbox, slack_export"),
        words("source_name", "place.name", "Name of that source"),
        plain("participant_id", "message.author_id", "Who wrote it; counts a person once over all channels"),
        plain("is_own", "author.is_own", "Whether the author is one of the tenant's own people"),
        plain("organization_id", "author.organization_id", "The author's organisation, where the address tells"),
        plain("issue_id", "member.issue_id", "Issue it is in; null for none"),
        plain("ingested_at", "message.ingested_at", "When it was first stored"),
        plain("edited_at", "message.edited_at", "When it was last edited at the provider"),
        plain("deleted_at", "message.deleted_at", "When its last place went; its texts are then empty"),
        plain("not_analysed", _NOT_ANALYSED, "Why it has no analysis that is done; null where it has one"),
        personal("subject", "message.subject", "Subject; null without the grant to read texts"),
        personal("text", "message.text", "The new text alone; null without the grant to read texts"),
        personal("author_name", "author.display_name", "Name of the author; null without the grant to read texts"),
        personal("channel", "message.channel", "Channel, folder or queue; null without the grant to read texts"),
    ),
    f"""message
    {_FIRST_PLACE}
    {_CURRENT}
    LEFT JOIN participant AS author ON author.tenant_id = message.tenant_id AND author.id = message.author_id
    LEFT JOIN issue_member AS member ON member.tenant_id = message.tenant_id AND member.message_id = message.id
        AND member.removed_at IS NULL""",
)

_RATED = ("is_actionable", "kind", "category", "severity", "sentiment")


def _confidence(field: str) -> str:
    parts = ", ".join(f"analysis.confidence -> '{field}' ->> '{part}'" for part in ("calibrated", "left", "given"))
    return f"coalesce({parts})::double precision"


v_analysis_current = View(
    "v_analysis_current",
    "The analysis shown for each message; a message without one is in v_message alone",
    (
        plain("message_id", "analysis.message_id", "The message"),
        plain("analysis_id", "analysis.id", "Identifier"),
        plain("status", "analysis.status", "done, skipped, parked or failed"),
        plain("is_actionable", "analysis.is_actionable", "Whether someone has to do something"),
        plain("not_actionable_reason", "analysis.not_actionable_reason", "Why nobody has to; null when actionable"),
        plain("kind", "analysis.kind", "help, complaint, request, bug_report, incident, question, billing, ..."),
        words("category", "analysis.category", "Path in the taxonomy, levels joined by ' / '"),
        plain("severity", "analysis.severity", "1 (worst) to 5"),
        plain("severity_floor", "analysis.severity_floor", "Least severity that the rules demand"),
        plain("impact", "analysis.impact", "individual, team, org or all"),
        plain("urgency", "analysis.urgency", "now, today, week or none"),
        plain("sentiment", "analysis.sentiment", "-2 very negative to 2 very positive"),
        plain("language", "analysis.language", "BCP 47"),
        plain("injection_suspected", "analysis.injection_suspected", "Whether the text tries to give orders"),
        plain("profile_version", "analysis.profile_version", "Version of profile, schema and taxonomy"),
        plain("provider", "analysis.provider", "built-in, openai, anthropic, ..."),
        plain("model", "analysis.model", "Model, or version of the built-in rules"),
        plain("built_in", "analysis.built_in", "Whether rules made it, without any model"),
        plain("tokens_in", "analysis.tokens_in", "Tokens sent"),
        plain("tokens_out", "analysis.tokens_out", "Tokens received"),
        plain("cost_usd", "analysis.cost_usd", "Cost in USD; null when the price is unknown"),
        plain("latency_ms", "analysis.latency_ms", "Time of the call in milliseconds"),
        *(
            plain(
                f"{field}_confidence_given",
                f"(analysis.confidence -> '{field}' ->> 'given')::double precision",
                f"How sure of {field} it was said to be, 0 to 1; null where nothing was said",
            )
            for field in _RATED
        ),
        *(
            plain(
                f"{field}_confidence", _confidence(field), f"How sure of {field} that is, calibrated where it is learnt"
            )
            for field in _RATED
        ),
        plain("created_at", "analysis.created_at", "When it was made"),
        personal("title", "analysis.title", "Title; null without the grant to read texts"),
        personal("summary", "analysis.summary", "Summary; null without the grant to read texts"),
    ),
    "analysis WHERE analysis.current",
)
