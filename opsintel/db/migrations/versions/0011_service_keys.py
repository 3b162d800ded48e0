"""Service keys, and jobs that they start."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('api_key',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('name', sa.Text(), nullable=False, comment='What it is for, as its maker called it'),
    sa.Column('prefix', sa.Text(), nullable=False, comment='First characters of the value, so that people can tell which it is'),
    sa.Column('hash', sa.LargeBinary(), nullable=False, comment='SHA-256 of the value'),
    sa.Column('previous_hash', sa.LargeBinary(), nullable=True, comment='SHA-256 of the value before the last rotation'),
    sa.Column('previous_until', sa.DateTime(timezone=True), nullable=True, comment='Until when the value before is taken as well'),
    sa.Column('scopes', sa.ARRAY(sa.Text()), nullable=False, comment='What it may do'),
    sa.Column('source_ids', sa.ARRAY(sa.Uuid()), nullable=True, comment='Sources whose messages it sees; null: all'),
    sa.Column('created_by', sa.Uuid(), nullable=True, comment='Person who made it or rotated it last; null when the account is gone'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was made'),
    sa.Column('rotated_at', sa.DateTime(timezone=True), nullable=True, comment='When it last got another value'),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False, comment='When it ends by itself'),
    sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=True, comment='When it was last used, to the minute'),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True, comment='When it was taken back'),
    sa.CheckConstraint('cardinality(scopes) > 0', name=op.f('ck_api_key_scopes')),
    sa.CheckConstraint('source_ids IS NULL OR cardinality(source_ids) > 0', name=op.f('ck_api_key_source_ids')),
    sa.ForeignKeyConstraint(['created_by'], ['app_user.id'], name=op.f('fk_api_key_app_user_'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_api_key_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_api_key')),
    comment='Service keys: only their hashes are kept; a key never does more than its maker may do now',
    )
    op.create_index('ix_api_key_hash', 'api_key', ['hash'], unique=False)
    op.create_index('ix_api_key_previous_hash', 'api_key', ['previous_hash'], unique=False, postgresql_where=sa.text('previous_hash IS NOT NULL'))
    op.create_index('ix_api_key_created_by', 'api_key', ['created_by'], unique=False)
    op.add_column('job', sa.Column('service_key_id', sa.Uuid(), nullable=True, comment='Service key that asked for it'))
    op.create_foreign_key(op.f('fk_job_api_key_service_key_id'), 'job', 'api_key', ['tenant_id', 'service_key_id'], ['tenant_id', 'id'])
    op.create_unique_constraint(op.f('uq_job_tenant_id_service_key_id_idempotency_key'), 'job', ['tenant_id', 'service_key_id', 'idempotency_key'])


def downgrade() -> None:
    op.drop_constraint(op.f('uq_job_tenant_id_service_key_id_idempotency_key'), 'job')
    op.drop_constraint(op.f('fk_job_api_key_service_key_id'), 'job')
    op.drop_column('job', 'service_key_id')
    op.drop_table('api_key')
