"""What the built-in analyser has learnt of a tenant."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('category_model',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('version', sa.Text(), nullable=False, comment='Identity of the fit; analyses name it'),
    sa.Column('taxonomy', sa.Text(), nullable=False, comment='SHA-256 (hex) of the categories that it knows'),
    sa.Column('taxonomy_version', sa.Integer(), nullable=False, comment='Version of the taxonomy, when it was fitted'),
    sa.Column('messages', sa.Integer(), nullable=False, comment='Messages there were then'),
    sa.Column('corrections', sa.Integer(), nullable=False, comment='Corrections there were then, those that were undone twice'),
    sa.Column('state', sa.LargeBinary(), nullable=True, comment='The fit; null of those before the one in force, and after an erasure'),
    sa.Column('current', sa.Boolean(), server_default=sa.text('true'), nullable=False, comment='Whether analyses go by it'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was fitted'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_category_model_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'version', name=op.f('pk_category_model')),
    comment="What the built-in analyser has learnt of a tenant's messages and corrections; a run that was killed goes on by it",
    )
    op.create_index('uq_category_model_current', 'category_model', ['tenant_id'], unique=True, postgresql_where=sa.text('current'))


def downgrade() -> None:
    op.drop_table('category_model')
