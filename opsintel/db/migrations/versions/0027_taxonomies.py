"""Categories that a tenant's analyses choose from, version by version."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('taxonomy',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('version', sa.Integer(), nullable=False, comment="1, and one more with each; 0 is the product's own, of a tenant that has none"),
    sa.Column('name', sa.Text(), nullable=False, comment='Name shown to people'),
    sa.Column('base', sa.Text(), server_default=sa.text("''"), nullable=False, comment="Shipped taxonomy it was made of: operations, product, support; '' for none"),
    sa.Column('categories', postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment='Categories in their order: path of up to three levels, description, examples'),
    sa.Column('actor_kind', sa.Text(), nullable=False, comment='Who wrote it: person, service_key, operator or system'),
    sa.Column('actor_id', sa.Text(), nullable=False, comment='Id of the account or key, name of the operator'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was written'),
    sa.Column('current', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='Whether analyses go by it'),
    sa.Column('promoted_at', sa.DateTime(timezone=True), nullable=True, comment='When it was last put in force'),
    sa.CheckConstraint('version > 0', name=op.f('ck_taxonomy_version')),
    sa.CheckConstraint("actor_kind IN ('person', 'service_key', 'operator', 'system')", name=op.f('ck_taxonomy_actor_kind')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_taxonomy_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_taxonomy')),
    sa.UniqueConstraint('tenant_id', 'version', name=op.f('uq_taxonomy_tenant_id_version')),
    comment="Versions of the categories that a tenant's analyses choose from; what one says is never changed",
    )
    op.create_index('uq_taxonomy_current', 'taxonomy', ['tenant_id'], unique=True, postgresql_where=sa.text('current'))


def downgrade() -> None:
    op.drop_table('taxonomy')
