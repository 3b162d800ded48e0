"""Invitations, links that are sent to people, operators; what a membership grants beyond its role."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('operator',
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('name', sa.Text(), nullable=False, comment='Name in the audit log, e.g. on-call'),
    sa.Column('token_hash', sa.LargeBinary(), nullable=False, comment='SHA-256 of the token'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was made'),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False, comment='When the token ends by itself'),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True, comment='When it was taken back'),
    sa.CheckConstraint("name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'", name=op.f('ck_operator_name')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_operator')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_operator_token_hash')),
    comment='Who runs the installation: no member of any tenant',
    )
    op.create_index('uq_operator_name', 'operator', ['name'], unique=True, postgresql_where=sa.text('revoked_at IS NULL'))
    op.create_table('invitation',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('email', sa.Text(), nullable=False, comment='E-mail address in lower case'),
    sa.Column('role', sa.Text(), nullable=False, comment='owner, admin, analyst or viewer'),
    sa.Column('grants', sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False, comment='Scopes given beyond those of the role'),
    sa.Column('source_ids', sa.ARRAY(sa.Uuid()), nullable=True, comment='Sources whose messages the person will see; null: all'),
    sa.Column('invited_by', sa.Uuid(), nullable=True, comment='Person who asked; null for the operator'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was made'),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False, comment='When it ends by itself'),
    sa.Column('accepted_at', sa.DateTime(timezone=True), nullable=True, comment='When the person joined'),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True, comment='When it was taken back, or another took its place'),
    sa.CheckConstraint("role IN ('owner', 'admin', 'analyst', 'viewer')", name=op.f('ck_invitation_role')),
    sa.CheckConstraint('email = lower(email)', name=op.f('ck_invitation_email_lower')),
    sa.ForeignKeyConstraint(['invited_by'], ['app_user.id'], name=op.f('fk_invitation_app_user_'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_invitation_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_invitation')),
    comment='Who was asked to join a tenant, in which role',
    )
    op.create_index('uq_invitation_open', 'invitation', ['tenant_id', 'email'], unique=True, postgresql_where=sa.text('accepted_at IS NULL AND revoked_at IS NULL'))
    op.create_table('account_token',
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('purpose', sa.Text(), nullable=False, comment='invitation, reset or registration'),
    sa.Column('token_hash', sa.LargeBinary(), nullable=False, comment='SHA-256 of the token'),
    sa.Column('user_id', sa.Uuid(), nullable=True, comment='Whose password a reset sets'),
    sa.Column('tenant_id', sa.Uuid(), nullable=True, comment='Tenant of the invitation'),
    sa.Column('invitation_id', sa.Uuid(), nullable=True, comment='The invitation it accepts'),
    sa.Column('details', postgresql.JSONB(), nullable=True, comment='What a registration asked for; the password as its hash'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was made'),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False, comment='When it ends by itself'),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True, comment='When it was used, or another took its place'),
    sa.CheckConstraint("purpose IN ('invitation', 'reset', 'registration')", name=op.f('ck_account_token_purpose')),
    sa.ForeignKeyConstraint(['tenant_id', 'invitation_id'], ['invitation.tenant_id', 'invitation.id'], name=op.f('fk_account_token_invitation_invitation_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['app_user.id'], name=op.f('fk_account_token_app_user_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_account_token')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_account_token_token_hash')),
    comment='Links that were sent to people: each opens one thing, once, for a while; only its hash is kept',
    )
    op.create_index('ix_account_token_expires_at', 'account_token', ['expires_at'], unique=False)
    op.create_index('ix_account_token_invitation', 'account_token', ['tenant_id', 'invitation_id'], unique=False)
    op.create_index('ix_account_token_user_id', 'account_token', ['user_id'], unique=False, postgresql_where=sa.text('user_id IS NOT NULL'))
    op.add_column('membership', sa.Column('grants', sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False, comment='Scopes given beyond those of the role'))
    op.add_column('membership', sa.Column('source_ids', sa.ARRAY(sa.Uuid()), nullable=True, comment='Sources whose messages the person sees; null: all'))


def downgrade() -> None:
    op.drop_column('membership', 'source_ids')
    op.drop_column('membership', 'grants')
    op.drop_index('ix_account_token_user_id', table_name='account_token', postgresql_where=sa.text('user_id IS NOT NULL'))
    op.drop_index('ix_account_token_invitation', table_name='account_token')
    op.drop_index('ix_account_token_expires_at', table_name='account_token')
    op.drop_table('account_token')
    op.drop_index('uq_invitation_open', table_name='invitation', postgresql_where=sa.text('accepted_at IS NULL AND revoked_at IS NULL'))
    op.drop_table('invitation')
    op.drop_index('uq_operator_name', table_name='operator', postgresql_where=sa.text('revoked_at IS NULL'))
    op.drop_table('operator')
