"""Keys of the installation, and the ceiling that each tenant has for calls by them."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('model_key', sa.Column('of_platform', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment="Whether it goes by the installation's key, which no table holds"))
    op.add_column('model_call', sa.Column('of_platform', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment="Whether that was by the installation's key"))
    _budget("scope IN ('source', 'backfill', 'month', 'platform')", "(scope = 'month' OR scope = 'platform') = (subject_id IS NULL)")
    op.alter_column('budget', 'scope', comment='month, source, backfill, or platform: the month by keys of the installation')
    op.alter_column('budget', 'subject_id', comment='The source or job; null for a month of the tenant')


def downgrade() -> None:
    op.execute("DELETE FROM budget WHERE scope = 'platform'")
    _budget("scope IN ('source', 'backfill', 'month')", "(scope = 'month') = (subject_id IS NULL)")
    op.alter_column('budget', 'scope', comment='month, source or backfill')
    op.alter_column('budget', 'subject_id', comment="The source or job; null for the tenant's month")
    op.drop_column('model_call', 'of_platform')
    op.drop_column('model_key', 'of_platform')


def _budget(scope: str, subject: str) -> None:
    for name, condition in (('scope', scope), ('subject', subject)):
        op.drop_constraint(name, 'budget', type_='check')
        op.create_check_constraint(name, 'budget', condition)
