"""Vectors by the models of tenants."""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import Vector

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('embedding_model', sa.Column('mean', Vector(), nullable=True, comment='What is taken out of each vector by a provider\'s model'))
    op.add_column('embedding_model', sa.Column('retry_at', sa.DateTime(timezone=True), nullable=True, comment='When missing vectors are asked for again; null while there are none'))
    op.add_column('embedding', sa.Column('text_hash', sa.LargeBinary(), nullable=True, comment='SHA-256 of the text that a provider\'s model read; equal texts are paid once'))
    op.create_index('ix_embedding_text', 'embedding', ['tenant_id', 'model_version', 'text_hash'], unique=False, postgresql_where=sa.text('text_hash IS NOT NULL'))


def downgrade() -> None:
    op.drop_index('ix_embedding_text', table_name='embedding', postgresql_where=sa.text('text_hash IS NOT NULL'))
    op.drop_column('embedding', 'text_hash')
    op.drop_column('embedding_model', 'retry_at')
    op.drop_column('embedding_model', 'mean')
