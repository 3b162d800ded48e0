"""Sessions are looked up at every request, and ended by person: indexes for both."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_refresh_token_family', 'refresh_token', ['family_id', 'expires_at'], unique=False)
    op.create_index('ix_refresh_token_revoked', 'refresh_token', ['family_id'], unique=False, postgresql_where=sa.text('revoked_at IS NOT NULL'))
    op.create_index('ix_refresh_token_user_id', 'refresh_token', ['user_id'], unique=False)
    op.create_index('ix_refresh_token_expires_at', 'refresh_token', ['expires_at'], unique=False)
    op.drop_index('ix_refresh_token_family_id', table_name='refresh_token')


def downgrade() -> None:
    op.create_index('ix_refresh_token_family_id', 'refresh_token', ['family_id'], unique=False)
    op.drop_index('ix_refresh_token_expires_at', table_name='refresh_token')
    op.drop_index('ix_refresh_token_user_id', table_name='refresh_token')
    op.drop_index('ix_refresh_token_revoked', table_name='refresh_token', postgresql_where=sa.text('revoked_at IS NOT NULL'))
    op.drop_index('ix_refresh_token_family', table_name='refresh_token')
