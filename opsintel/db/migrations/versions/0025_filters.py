"""Filters that people keep, those that sources go by, and which messages they select."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('filter',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('name', sa.Text(), nullable=False, comment='Name shown to people'),
    sa.Column('version', sa.Integer(), nullable=False, comment='Number of its newest version'),
    sa.Column('created_by', sa.Uuid(), nullable=True, comment='Person who made it; null for a service key or the operator'),
    sa.Column('service_key_id', sa.Uuid(), nullable=True, comment='Service key that made it'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was made'),
    sa.Column('archived_at', sa.DateTime(timezone=True), nullable=True, comment='When it was put away; its versions stay readable'),
    sa.CheckConstraint('version > 0', name=op.f('ck_filter_version')),
    sa.ForeignKeyConstraint(['created_by'], ['app_user.id'], name=op.f('fk_filter_app_user_'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['tenant_id', 'service_key_id'], ['api_key.tenant_id', 'api_key.id'], name=op.f('fk_filter_api_key_service_key_id'), ondelete='NO ACTION'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_filter_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_filter')),
    comment='Filters that people keep by name; what one says is in its versions',
    )
    op.create_index('uq_filter_name', 'filter', ['tenant_id', 'name'], unique=True, postgresql_where=sa.text('archived_at IS NULL'))
    op.create_index('ix_filter_created_by', 'filter', ['created_by'], unique=False, postgresql_where=sa.text('created_by IS NOT NULL'))
    op.create_table('filter_version',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('filter_id', sa.Uuid(), nullable=False, comment='The filter'),
    sa.Column('version', sa.Integer(), nullable=False, comment='1, and one more with each change'),
    sa.Column('tree', postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment='The syntax tree with the version of its form'),
    sa.Column('text', sa.Text(), nullable=False, comment="The same as text; '' matches everything"),
    sa.Column('created_by', sa.Uuid(), nullable=True, comment='Person who wrote it; null for a service key or the operator'),
    sa.Column('service_key_id', sa.Uuid(), nullable=True, comment='Service key that wrote it'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was written'),
    sa.CheckConstraint('version > 0', name=op.f('ck_filter_version_version')),
    sa.ForeignKeyConstraint(['created_by'], ['app_user.id'], name=op.f('fk_filter_version_app_user_'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['tenant_id', 'filter_id'], ['filter.tenant_id', 'filter.id'], name=op.f('fk_filter_version_filter_filter_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id', 'service_key_id'], ['api_key.tenant_id', 'api_key.id'], name=op.f('fk_filter_version_api_key_service_key_id'), ondelete='NO ACTION'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_filter_version_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'filter_id', 'version', name=op.f('pk_filter_version')),
    comment='What a filter said, version by version: none is ever changed',
    )
    op.create_index('ix_filter_version_created_by', 'filter_version', ['created_by'], unique=False, postgresql_where=sa.text('created_by IS NOT NULL'))
    op.add_column('source', sa.Column('filter_id', sa.Uuid(), nullable=True, comment='Filter that decides which of its messages are analysed; null: all are'))
    op.add_column('source', sa.Column('filter_version', sa.Integer(), nullable=True, comment='Version of the filter that is in force'))
    op.add_column('source', sa.Column('filtered_at', sa.DateTime(timezone=True), nullable=True, comment='When that came into force: the ages that it names count from here'))
    op.add_column('source', sa.Column('needs_backfill', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='Whether the filter selects messages that its provider was never asked for; a count or a backfill fetches them'))
    op.create_foreign_key(op.f('fk_source_filter_version_filter_id'), 'source', 'filter_version', ['tenant_id', 'filter_id', 'filter_version'], ['tenant_id', 'filter_id', 'version'], ondelete='NO ACTION')
    op.create_check_constraint(op.f('ck_source_filter'), 'source', '(filter_id IS NULL) = (filter_version IS NULL) AND (filter_id IS NULL) = (filtered_at IS NULL)')
    op.create_index('ix_source_filter', 'source', ['tenant_id', 'filter_id'], unique=False, postgresql_where=sa.text('filter_id IS NOT NULL'))
    op.add_column('message_occurrence', sa.Column('selected', sa.Boolean(), server_default=sa.text('true'), nullable=False, comment='Whether the filter of the source selects it; true where there is none'))
    op.add_column('message', sa.Column('selected', sa.Boolean(), server_default=sa.text('true'), nullable=False, comment='Whether any source it is still in selects it: only then is it analysed'))
    op.create_index('ix_message_left_out', 'message', ['tenant_id', 'partition_day'], unique=False, postgresql_where=sa.text('NOT selected'))
    op.add_column('fact_source_day', sa.Column('left_out', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Messages that are not analysed, as no filter selects them'))


def downgrade() -> None:
    op.drop_column('fact_source_day', 'left_out')
    op.drop_index('ix_message_left_out', table_name='message')
    op.drop_column('message', 'selected')
    op.drop_column('message_occurrence', 'selected')
    op.drop_index('ix_source_filter', table_name='source')
    op.drop_constraint(op.f('ck_source_filter'), 'source', type_='check')
    op.drop_constraint(op.f('fk_source_filter_version_filter_id'), 'source', type_='foreignkey')
    op.drop_column('source', 'needs_backfill')
    op.drop_column('source', 'filtered_at')
    op.drop_column('source', 'filter_version')
    op.drop_column('source', 'filter_id')
    op.drop_table('filter_version')
    op.drop_table('filter')
