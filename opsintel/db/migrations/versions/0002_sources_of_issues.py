"""The kinds of an issue's sources are kept with it: a list of issues no longer looks at every member of each."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "issue",
        sa.Column(
            "sources",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="Kinds of the sources that its members were seen in",
        ),
    )
    op.execute(
        """
        UPDATE issue SET sources = seen.sources FROM (
            SELECT issue_member.tenant_id, issue_member.issue_id,
                   array_agg(DISTINCT source.kind ORDER BY source.kind) AS sources
            FROM issue_member
            JOIN message_occurrence AS place ON place.tenant_id = issue_member.tenant_id
                AND place.message_id = issue_member.message_id AND place.deleted_at IS NULL
            JOIN source ON source.tenant_id = place.tenant_id AND source.id = place.source_id
            WHERE issue_member.removed_at IS NULL
            GROUP BY issue_member.tenant_id, issue_member.issue_id) AS seen
        WHERE issue.tenant_id = seen.tenant_id AND issue.id = seen.issue_id
        """
    )


def downgrade() -> None:
    op.drop_column("issue", "sources")
