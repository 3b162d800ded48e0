"""The review queue; corrections made by the command line."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column('correction', 'actor_kind', comment='Who corrected: person, service_key, or system for the command line')
    op.alter_column('analysis', 'provenance', comment='Added by code, never by a model: profile, hash of the prompt, examples shown, way of asking, whether repaired, what the rules found')
    op.drop_constraint(op.f('ck_correction_actor_kind'), 'correction')
    op.create_check_constraint(op.f('ck_correction_actor_kind'), 'correction', "actor_kind IN ('person', 'service_key', 'system')")
    op.create_table('review_item',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('message_id', sa.Uuid(), nullable=False, comment='The message'),
    sa.Column('analysis_id', sa.Uuid(), nullable=False, comment='The analysis that is looked at'),
    sa.Column('partition_day', sa.Date(), nullable=False, comment="Day of the message's partition"),
    sa.Column('reason', sa.Text(), nullable=False, comment='failed: no model gave a valid analysis; disagreement: rules and model, or two models, say different things; low_confidence; sample: a random one of the confident'),
    sa.Column('fields', sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False, comment='Fields that are unsure or disagreed on'),
    sa.Column('detail', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Why no model made it, where that is the reason'),
    sa.Column('confidence', sa.Double(), nullable=True, comment='Least confidence of its fields; null where none is given'),
    sa.Column('rank', sa.Double(), nullable=False, comment='What is worth a look most comes first, from 0'),
    sa.Column('state', sa.Text(), server_default=sa.text("'open'"), nullable=False, comment='open, confirmed, corrected or skipped'),
    sa.Column('labels', postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment='All fields as they were confirmed; null for other states'),
    sa.Column('actor_kind', sa.Text(), nullable=True, comment='Who resolved it: person, service_key, or system for the command line'),
    sa.Column('actor_id', sa.Text(), nullable=True, comment='Id of the account or key'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it came into the queue'),
    sa.Column('resolved_at', sa.DateTime(timezone=True), nullable=True, comment='When it was resolved; null while it is open'),
    sa.CheckConstraint("actor_kind IN ('person', 'service_key', 'system')", name=op.f('ck_review_item_actor_kind')),
    sa.CheckConstraint("reason IN ('low_confidence', 'disagreement', 'failed', 'sample')", name=op.f('ck_review_item_reason')),
    sa.CheckConstraint("state IN ('open', 'confirmed', 'corrected', 'skipped')", name=op.f('ck_review_item_state')),
    sa.CheckConstraint('confidence BETWEEN 0 AND 1', name=op.f('ck_review_item_confidence')),
    sa.ForeignKeyConstraint(['tenant_id', 'analysis_id'], ['analysis.tenant_id', 'analysis.id'], name=op.f('fk_review_item_analysis_analysis_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id', 'message_id'], ['message.tenant_id', 'message.id'], name=op.f('fk_review_item_message_message_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_review_item_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_review_item')),
    comment='Messages whose analysis a person is to look at, and what became of it',
    )
    op.create_index('ix_review_item_analysis', 'review_item', ['tenant_id', 'analysis_id'], unique=False)
    op.create_index('ix_review_item_day', 'review_item', ['tenant_id', 'partition_day'], unique=False, postgresql_where=sa.text("state = 'open'"))
    op.create_index('ix_review_item_message', 'review_item', ['tenant_id', 'message_id'], unique=False)
    op.create_index('ix_review_item_rank', 'review_item', ['tenant_id', 'state', 'rank', 'id'], unique=False)
    op.create_index('uq_review_item_open', 'review_item', ['tenant_id', 'message_id'], unique=True, postgresql_where=sa.text("state = 'open'"))


def downgrade() -> None:
    op.drop_table('review_item')
    op.execute("DELETE FROM correction WHERE actor_kind = 'system'")
    op.drop_constraint(op.f('ck_correction_actor_kind'), 'correction')
    op.create_check_constraint(op.f('ck_correction_actor_kind'), 'correction', "actor_kind IN ('person', 'service_key')")
    op.alter_column('correction', 'actor_kind', comment='Who corrected: person or service_key')
    op.alter_column('analysis', 'provenance', comment='Added by code, never by a model: profile, hash of the prompt, examples shown, way of asking, whether repaired')
