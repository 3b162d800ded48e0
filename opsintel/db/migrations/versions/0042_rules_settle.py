"""Rules that were decided are brought in line page by page."""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('learned_rule', sa.Column('is_settled', sa.Boolean(), server_default=sa.text('true'), nullable=False, comment='Whether all messages it goes for show what was decided'))
    op.add_column('learned_rule', sa.Column('settled_to', sa.Uuid(), nullable=True, comment='The message up to which they do, while that is under way'))
    op.add_column('learned_rule', sa.Column('changed', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Analyses that showed something else then'))
    op.create_index('ix_learned_rule_open', 'learned_rule', ['decided_at'], unique=False, postgresql_where=sa.text('NOT is_settled'))


def downgrade() -> None:
    op.drop_index('ix_learned_rule_open', 'learned_rule')
    op.drop_column('learned_rule', 'changed')
    op.drop_column('learned_rule', 'settled_to')
    op.drop_column('learned_rule', 'is_settled')
