"""What members and keys that are limited to some sources read instead of tables whose figures mix sources."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# Row security binds whoever reads the views (security_invoker), so that they count what that one may see.
MEMBERS = """
    FROM public.issue_member AS member
    JOIN public.message ON message.tenant_id = member.tenant_id AND message.id = member.message_id
        AND message.deleted_at IS NULL
    LEFT JOIN public.analysis ON analysis.tenant_id = message.tenant_id AND analysis.message_id = message.id
        AND analysis.current
    LEFT JOIN public.participant AS customer ON customer.tenant_id = message.tenant_id
        AND customer.id = message.author_id AND NOT customer.is_own
    WHERE member.removed_at IS NULL
"""

ISSUE = f"""
    CREATE VIEW limited.issue WITH (security_invoker = true) AS
    SELECT issue.tenant_id, issue.id, issue.number,
           CASE WHEN seen.messages = issue.messages THEN issue.title ELSE seen.title END AS title, issue.title_method,
           issue.title_pinned, CASE WHEN seen.messages = issue.messages THEN issue.summary ELSE '' END AS summary,
           issue.example_message_id, seen.category,
           CASE WHEN issue.severity_pinned THEN issue.severity ELSE seen.severity END AS severity,
           issue.severity_pinned, issue.state, seen.first_seen, seen.last_seen, seen.messages, seen.customers,
           ARRAY(SELECT DISTINCT source.kind
                 FROM public.issue_member AS member
                 JOIN public.message_occurrence AS place ON place.tenant_id = member.tenant_id
                     AND place.message_id = member.message_id AND place.deleted_at IS NULL
                 JOIN public.source ON source.tenant_id = place.tenant_id AND source.id = place.source_id
                 WHERE member.tenant_id = issue.tenant_id AND member.issue_id = issue.id
                     AND member.removed_at IS NULL
                 ORDER BY source.kind) AS sources,
           issue.merged_into, issue.resolved_at, issue.model_version, issue.created_at, issue.updated_at
    FROM public.issue
    JOIN (
        SELECT member.tenant_id, member.issue_id, count(*)::integer AS messages,
               count(DISTINCT customer.id)::integer AS customers, min(message.sorted_at) AS first_seen,
               max(message.sorted_at) AS last_seen,
               coalesce((array_agg(coalesce(nullif(analysis.title, ''), message.subject)
                                   ORDER BY message.sorted_at DESC, message.id))[1], '') AS title,
               coalesce(mode() WITHIN GROUP (ORDER BY analysis.category), '') AS category,
               coalesce(percentile_disc(0.25) WITHIN GROUP (ORDER BY analysis.severity), 5::smallint) AS severity
        {MEMBERS}
        GROUP BY member.tenant_id, member.issue_id
    ) AS seen ON seen.tenant_id = issue.tenant_id AND seen.issue_id = issue.id
"""

ISSUE_DAYS = f"""
    CREATE VIEW limited.fact_issue_day WITH (security_invoker = true) AS
    SELECT member.tenant_id, (message.sorted_at AT TIME ZONE 'UTC')::date AS day, member.issue_id,
           count(*)::integer AS messages, count(DISTINCT customer.id)::integer AS unique_participants,
           count(DISTINCT customer.organization_id)::integer AS unique_organizations,
           (count(*) FILTER (WHERE analysis.severity = 1))::integer AS sev1,
           (count(*) FILTER (WHERE analysis.severity = 2))::integer AS sev2,
           (count(*) FILTER (WHERE analysis.severity = 3))::integer AS sev3,
           (count(*) FILTER (WHERE analysis.severity = 4))::integer AS sev4,
           (count(*) FILTER (WHERE analysis.severity = 5))::integer AS sev5,
           coalesce(sum(analysis.sentiment), 0)::integer AS sentiment_sum
    {MEMBERS}
    GROUP BY member.tenant_id, (message.sorted_at AT TIME ZONE 'UTC')::date, member.issue_id
"""

PARTICIPANT_DAYS = """
    CREATE VIEW limited.fact_participant_day WITH (security_invoker = true) AS
    SELECT message.tenant_id, (message.sorted_at AT TIME ZONE 'UTC')::date AS day, customer.id AS participant_id,
           count(*)::integer AS messages
    FROM public.message
    JOIN public.analysis ON analysis.tenant_id = message.tenant_id AND analysis.message_id = message.id
        AND analysis.current AND analysis.is_actionable
    JOIN public.participant AS customer ON customer.tenant_id = message.tenant_id
        AND customer.id = message.author_id AND NOT customer.is_own
    WHERE message.deleted_at IS NULL
    GROUP BY message.tenant_id, (message.sorted_at AT TIME ZONE 'UTC')::date, customer.id
"""

COMMENTS = {
    "issue": "Issues with a member that the reader may see; figures and texts are those of these members",
    "fact_issue_day": "Issues by day, counted over the messages that the reader may see",
    "fact_participant_day": "Who wrote actionable messages on a day, among those that the reader may see",
}


# Policies that ask other tables would keep those from being dropped; the newest schema makes its policies anew.
POLICIES = """
    DO $$
    DECLARE
        found record;
    BEGIN
        FOR found IN SELECT tablename FROM pg_policies WHERE schemaname = 'public' AND policyname = 'further_limited'
        LOOP
            EXECUTE format('DROP POLICY further_limited ON %I', found.tablename);
        END LOOP;
    END
    $$
"""


def upgrade() -> None:
    for statement in (ISSUE, ISSUE_DAYS, PARTICIPANT_DAYS):
        op.execute(statement)
    for view, comment in COMMENTS.items():
        op.execute(f"COMMENT ON VIEW limited.{view} IS '{comment}'")
        op.execute(f"GRANT SELECT ON limited.{view} TO opsintel_limited")
    op.execute("GRANT USAGE ON SCHEMA limited TO opsintel_limited")


def downgrade() -> None:
    op.execute(POLICIES)
    op.execute("REVOKE USAGE ON SCHEMA limited FROM opsintel_limited")
    for view in COMMENTS:
        op.execute(f"DROP VIEW limited.{view}")
