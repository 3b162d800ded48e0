"""What a model's name of an issue was made from."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('issue', sa.Column('named_from', postgresql.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False, comment='Members whose headlines a model read for the title; empty: none did'))
    op.add_column('issue', sa.Column('named_at_messages', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Members it had when a model named it'))


def downgrade() -> None:
    op.drop_column('issue', 'named_at_messages')
    op.drop_column('issue', 'named_from')
