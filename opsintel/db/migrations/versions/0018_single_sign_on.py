"""People as providers of single sign-on know them, and requests on their way to a provider."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('identity',
    sa.Column('issuer', sa.Text(), nullable=False, comment='The provider, as it names itself'),
    sa.Column('subject', sa.Text(), nullable=False, comment='The person, as the provider names it; stays when name and address change'),
    sa.Column('user_id', sa.Uuid(), nullable=False, comment='The account that it opens'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When they were linked'),
    sa.CheckConstraint('length(subject) BETWEEN 1 AND 255', name=op.f('ck_identity_subject')),
    sa.ForeignKeyConstraint(['user_id'], ['app_user.id'], name=op.f('fk_identity_app_user_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('issuer', 'subject', name=op.f('pk_identity')),
    sa.UniqueConstraint('user_id', 'issuer', name=op.f('uq_identity_user_id_issuer')),
    comment='Who a person is at a provider of single sign-on',
    )
    op.create_table('authorization_request',
    sa.Column('state_hash', sa.LargeBinary(), nullable=False, comment='SHA-256 of the state, from which verifier and nonce are computed with a key'),
    sa.Column('browser_hash', sa.LargeBinary(), nullable=False, comment='SHA-256 of the cookie of the browser that began it'),
    sa.Column('purpose', sa.Text(), nullable=False, comment='What it is for, e.g. sign_on'),
    sa.Column('provider', sa.Text(), nullable=False, comment='The issuer that it was sent to: no other may answer it'),
    sa.Column('tenant_id', sa.Uuid(), nullable=True, comment='Tenant that it was begun in, if in one'),
    sa.Column('session_id', sa.Uuid(), nullable=True, comment='Session that it was begun in, if in one'),
    sa.Column('details', postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False, comment='What is done afterwards: the page to go on to, an invitation'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was begun'),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False, comment='When it ends by itself'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_authorization_request_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('state_hash', name=op.f('pk_authorization_request')),
    comment='Requests on their way to a provider of OAuth and back: each is answered once, in the browser that began it',
    )
    op.create_index('ix_authorization_request_expires_at', 'authorization_request', ['expires_at'], unique=False)
    op.create_index('ix_authorization_request_tenant_id', 'authorization_request', ['tenant_id'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_authorization_request_tenant_id', table_name='authorization_request')
    op.drop_index('ix_authorization_request_expires_at', table_name='authorization_request')
    op.drop_table('authorization_request')
    op.drop_table('identity')
