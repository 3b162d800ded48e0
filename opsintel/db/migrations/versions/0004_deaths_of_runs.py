"""The ledger counts the runs that died over a partition, so that one that kills its runs fails alone."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('work', sa.Column('deaths', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='How many runs died with it in hand'))


def downgrade() -> None:
    op.drop_column('work', 'deaths')
