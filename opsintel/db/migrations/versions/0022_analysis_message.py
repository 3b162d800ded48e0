"""Analyses by their message: what goes with a message is found without reading all analyses."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_analysis_message', 'analysis', ['tenant_id', 'message_id'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_analysis_message', table_name='analysis')
