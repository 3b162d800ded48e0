"""Messages of a template share an analysis; what an analysis was made for; re-runs that wait keep what there was."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

UNTIL = "From when it is tried again, while it is parked or stale"
UNTIL_BEFORE = "From when it is tried again, while it is parked"


def upgrade() -> None:
    op.create_table('template_memory',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('key', sa.Text(), nullable=False, comment='Digest of a line without its values, or of a line without what may be names'),
    sa.Column('kind', sa.Text(), nullable=False, comment='known: a line; frames: places of a line that may hold names'),
    sa.Column('version', sa.Integer(), nullable=False, comment='Version of masks and groups that it is of'),
    sa.Column('content', postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment='Of a line the digest of its group, of places digests of the words seen there'),
    sa.Column('used_on', sa.Date(), server_default=sa.text('CURRENT_DATE'), nullable=False, comment='Day on which it was last of use; the oldest are forgotten'),
    sa.CheckConstraint("kind IN ('known', 'frames')", name=op.f('ck_template_memory_kind')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_template_memory_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'key', name=op.f('pk_template_memory')),
    comment="What was learnt of the templates of machines' messages: digests, from which no word can be read",
    )
    op.create_index('ix_template_memory_used', 'template_memory', ['tenant_id', 'used_on'], unique=False)
    op.add_column('analysis', sa.Column('template_key', sa.LargeBinary(), nullable=True, comment='Digest of its template, where a model made it; shared by messages alike'))
    op.add_column('analysis', sa.Column('job_id', sa.Uuid(), nullable=True, comment='Backfill or re-run it was made for, or waits for'))
    op.create_index('ix_analysis_template', 'analysis', ['tenant_id', 'template_key', 'created_at'], unique=False, postgresql_where=sa.text('template_key IS NOT NULL AND reused_from IS NULL'))
    op.drop_index('ix_analysis_parked', table_name='analysis')
    op.create_index('ix_analysis_parked', 'analysis', ['parked_until'], unique=False, postgresql_where=sa.text('current AND parked_until IS NOT NULL'))
    op.alter_column('analysis', 'parked_until', comment=UNTIL)


def downgrade() -> None:
    op.alter_column('analysis', 'parked_until', comment=UNTIL_BEFORE)
    op.execute("UPDATE analysis SET parked_until = NULL WHERE status <> 'parked'")
    op.drop_index('ix_analysis_parked', table_name='analysis')
    op.create_index('ix_analysis_parked', 'analysis', ['parked_until'], unique=False, postgresql_where=sa.text("current AND status = 'parked'"))
    op.drop_index('ix_analysis_template', table_name='analysis')
    op.drop_column('analysis', 'job_id')
    op.drop_column('analysis', 'template_key')
    op.drop_table('template_memory')
