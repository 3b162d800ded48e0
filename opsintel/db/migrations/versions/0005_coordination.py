"""Token buckets and named locks that processes share."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('rate_limit',
    sa.Column('key', sa.Text(), nullable=False, comment='Tenant, or installation, and what is limited; never personal data'),
    sa.Column('full_at', sa.DateTime(timezone=True), nullable=False, comment='When the bucket is full again'),
    sa.Column('blocked_until', sa.DateTime(timezone=True), nullable=False, comment='Before this no token is given out, whatever the bucket holds'),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_rate_limit')),
    comment='Token buckets shared by processes; not logged, so a crash of the database leaves them full',
    prefixes=['UNLOGGED'],
    )
    op.create_table('named_lock',
    sa.Column('key', sa.Text(), nullable=False, comment='Tenant, or installation, and what is locked'),
    sa.Column('owner', sa.Uuid(), nullable=False, comment='The holder, new for each time it is taken'),
    sa.Column('fence', sa.BigInteger(), nullable=False, comment='Number of the holder; larger than that of every earlier one'),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False, comment='When the lease is over'),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_named_lock')),
    comment='Locks with a lease: free again when their holder ends, or dies and the lease is over',
    )


def downgrade() -> None:
    op.drop_table('named_lock')
    op.drop_table('rate_limit')
