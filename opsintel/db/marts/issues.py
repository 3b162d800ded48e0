"""Issues, their days, and how far people agree with what the product decided."""

from opsintel.db.marts.declaration import View, personal, plain, words

_HISTORY = """
    LEFT JOIN LATERAL (
        SELECT count(*) FILTER (WHERE issue_event.kind = 'resolved') AS resolved,
               count(*) FILTER (WHERE issue_event.kind = 'regressed') AS regressed,
               max(issue_event.at) FILTER (WHERE issue_event.kind = 'regressed') AS regressed_at
        FROM issue_event WHERE issue_event.tenant_id = issue.tenant_id AND issue_event.issue_id = issue.id
    ) AS history ON true
"""

v_issue_current = View(
    "v_issue_current",
    "Issues as they are now; those that were merged into another are not among them",
    (
        plain("issue_id", "issue.id", "Identifier"),
        plain("number", "issue.number", "Number within the tenant, never used twice"),
        words("title", "issue.title", "Title"),
        words("category", "issue.category", "Category of most of its messages"),
        plain("severity", "issue.severity", "1 (worst) to 5"),
        plain("severity_pinned", "issue.severity_pinned", "Whether a person set the severity"),
        plain("title_pinned", "issue.title_pinned", "Whether a person set the title"),
        plain("state", "issue.state", "new, ongoing, escalating, regressed, resolved or archived"),
        plain("first_seen", "issue.first_seen", "First message"),
        plain("last_seen", "issue.last_seen", "Latest message"),
        plain("formed_at", "issue.created_at", "When it became an issue"),
        plain("resolved_at", "issue.resolved_at", "When it was last resolved"),
        plain("messages", "issue.messages", "Messages in it now"),
        plain("customers", "issue.customers", "Unique customers among their authors"),
        plain("source_kinds", "issue.sources", "Kinds of the sources that its messages were seen in"),
        plain("times_resolved", "history.resolved", "How often it was resolved"),
        plain("times_regressed", "history.regressed", "How often it came back after it had been resolved"),
        plain("regressed_at", "history.regressed_at", "When it last came back"),
        plain("assignee_id", "issue.assignee_id", "Person who takes care"),
        plain("updated_at", "issue.updated_at", "When anything of it last changed"),
        personal("summary", "issue.summary", "What it is about; null without the grant to read texts"),
    ),
    f"issue {_HISTORY} WHERE issue.merged_into IS NULL",
)

v_issue_daily = View(
    "v_issue_daily",
    "Issues by UTC day; unique customers of several days are counted in v_message",
    (
        plain("day", "fact.day", "UTC day"),
        plain("issue_id", "fact.issue_id", "The issue"),
        plain("number", "issue.number", "Its number"),
        words("title", "issue.title", "Its title now"),
        words("category", "issue.category", "Its category now"),
        plain("messages", "fact.messages", "Messages of that day"),
        plain("unique_customers", "fact.unique_participants", "Customers among their authors"),
        plain("unique_organizations", "fact.unique_organizations", "Organisations among them"),
        plain("severity_1", "fact.sev1", "Messages of severity 1, the worst"),
        plain("severity_2", "fact.sev2", "Messages of severity 2"),
        plain("severity_3", "fact.sev3", "Messages of severity 3"),
        plain("severity_4", "fact.sev4", "Messages of severity 4"),
        plain("severity_5", "fact.sev5", "Messages of severity 5"),
        plain("sentiment_sum", "fact.sentiment_sum", "Sum of sentiments, -2 to 2 each"),
    ),
    "fact_issue_day AS fact JOIN issue ON issue.tenant_id = fact.tenant_id AND issue.id = fact.issue_id",
)

v_agreement = View(
    "v_agreement",
    "By category: how much of what the product decided about issues people have changed",
    (
        words("category", "issue.category", "Category of the issues"),
        plain("issues", "count(*)", "Issues, those merged into another among them"),
        plain("retitled", "count(*) FILTER (WHERE issue.title_pinned)", "Issues whose title a person set"),
        plain("regraded", "count(*) FILTER (WHERE issue.severity_pinned)", "Issues whose severity a person set"),
        plain("merged", "count(*) FILTER (WHERE issue.merged_into IS NOT NULL)", "Issues merged into another"),
        plain("memberships", "coalesce(sum(placed.memberships), 0)", "Memberships of messages, removed ones too"),
        plain("decided", "coalesce(sum(placed.decided), 0)", "Memberships that a person decided"),
        plain(
            "correction_rate",
            "(count(*) FILTER (WHERE issue.title_pinned OR issue.severity_pinned))::double precision / count(*)",
            "Share of the issues whose title or severity a person set; 0 to 1",
        ),
    ),
    """issue LEFT JOIN LATERAL (
        SELECT count(*) AS memberships, count(member.decided_by) AS decided
        FROM issue_member AS member WHERE member.tenant_id = issue.tenant_id AND member.issue_id = issue.id
    ) AS placed ON true
    GROUP BY issue.category""",
)
