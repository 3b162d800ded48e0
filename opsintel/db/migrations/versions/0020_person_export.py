"""Exports of what is stored of a person."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('person_export',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('state', sa.Text(), server_default=sa.text("'queued'"), nullable=False, comment='queued, running, done, failed or expired'),
    sa.Column('actor_kind', sa.Text(), nullable=False, comment='Who asked: person, service_key, operator or system'),
    sa.Column('actor_id', sa.Text(), nullable=False, comment='Their id'),
    sa.Column('wanted', postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment='Who is meant; null as soon as it has ended'),
    sa.Column('counts', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False, comment='Records in it, by file'),
    sa.Column('object_key', sa.Text(), nullable=True, comment='Sealed file in the object store; null before and after'),
    sa.Column('secret_id', sa.Uuid(), nullable=True, comment='Key of the file; null before and after'),
    sa.Column('size', sa.BigInteger(), server_default=sa.text('0'), nullable=False, comment='Bytes of the file, opened'),
    sa.Column('sha256', sa.LargeBinary(), nullable=True, comment='Hash of the file, opened'),
    sa.Column('error', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Why it failed, in words'),
    sa.Column('attempts', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='How often it was taken in hand'),
    sa.Column('requested_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was asked for'),
    sa.Column('lease_until', sa.DateTime(timezone=True), nullable=True, comment='Until when a process has it in hand'),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True, comment='When it ended'),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True, comment='When the file is removed'),
    sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'expired')", name=op.f('ck_person_export_state')),
    sa.ForeignKeyConstraint(['tenant_id', 'secret_id'], ['secret.tenant_id', 'secret.id'], name=op.f('fk_person_export_secret_secret_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_person_export_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_person_export')),
    comment='Exports of what is stored of a person: how far they are, and where the sealed file is while it can be fetched',
    )
    op.create_index('ix_person_export_latest', 'person_export', ['tenant_id', 'requested_at', 'id'], unique=False)
    op.create_index('ix_person_export_open', 'person_export', ['requested_at'], unique=False, postgresql_where=sa.text("state IN ('queued', 'running', 'done')"))
    op.drop_constraint(op.f('ck_job_kind'), 'job', type_='check')
    op.create_check_constraint(op.f('ck_job_kind'), 'job', "kind IN ('backfill', 'erasure', 'person_export')")


def downgrade() -> None:
    op.execute("DELETE FROM job WHERE kind = 'person_export'")
    op.drop_constraint(op.f('ck_job_kind'), 'job', type_='check')
    op.create_check_constraint(op.f('ck_job_kind'), 'job', "kind IN ('backfill', 'erasure')")
    op.drop_index('ix_person_export_open', table_name='person_export', postgresql_where=sa.text("state IN ('queued', 'running', 'done')"))
    op.drop_index('ix_person_export_latest', table_name='person_export')
    op.drop_table('person_export')
