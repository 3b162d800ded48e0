"""Whether nearly equal messages of a tenant share an analysis."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('tenant', sa.Column('shares_near_duplicates', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='Policy: whether messages that say the same in nearly the same words share an analysis by a model'))


def downgrade() -> None:
    op.drop_column('tenant', 'shares_near_duplicates')
