"""Batches of questions to models."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('model_batch',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('key_id', sa.Uuid(), nullable=False, comment='Access it goes by; it may be gone since'),
    sa.Column('provider', sa.Text(), nullable=False, comment='openai, anthropic or gemini'),
    sa.Column('base_url', sa.Text(), nullable=False, comment="Address of the provider's interface"),
    sa.Column('model', sa.Text(), nullable=False, comment='Model, as the provider calls it'),
    sa.Column('state', sa.Text(), nullable=False, comment='formed, sent, collected (its answers are here) or closed (nothing is left at the provider)'),
    sa.Column('remote_id', sa.Text(), server_default=sa.text("''"), nullable=False, comment='What the provider calls it; empty until that is known'),
    sa.Column('is_found', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='Whether that was looked up, as no answer to its submission came'),
    sa.Column('not_ours', sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False, comment="What was taken for it and was another's"),
    sa.Column('questions', sa.Integer(), nullable=False, comment='Questions it has'),
    sa.Column('answered', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Of them, those with an answer'),
    sa.Column('failed', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Of them, those that ended without one'),
    sa.Column('fault', sa.Text(), server_default=sa.text("''"), nullable=False, comment='What the provider last said was wrong; empty for nothing'),
    sa.Column('attempts', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Tries of its present step'),
    sa.Column('begun_at', sa.DateTime(timezone=True), nullable=True, comment='When it was first submitted'),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True, comment='When its provider had it'),
    sa.Column('next_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it is looked at again'),
    sa.Column('leased_until', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='Until when a process has it in hand'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was formed'),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True, comment='When it was closed'),
    sa.CheckConstraint("state IN ('closed', 'formed', 'sent', 'collected')", name=op.f('ck_model_batch_state')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_model_batch_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_model_batch')),
    comment='Questions that go to a provider together, at the price of its batch interface; written before they are sent',
    )
    op.create_index('ix_model_batch_created', 'model_batch', ['tenant_id', 'created_at'], unique=False)
    op.create_index('ix_model_batch_open', 'model_batch', ['next_at'], unique=False, postgresql_where=sa.text("state <> 'closed'"))
    op.create_table('model_batch_question',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('batch_id', sa.Uuid(), nullable=True, comment='Batch it goes in; null until that is formed'),
    sa.Column('call_id', sa.Uuid(), nullable=False, comment='Its row in the ledger of calls'),
    sa.Column('key_id', sa.Uuid(), nullable=False, comment='Access it goes by'),
    sa.Column('provider', sa.Text(), nullable=False, comment='openai, anthropic or gemini'),
    sa.Column('model', sa.Text(), nullable=False, comment='Model, as the provider calls it'),
    sa.Column('partition_day', sa.Date(), nullable=False, comment='Partition of its messages'),
    sa.Column('profile_version', sa.Text(), nullable=False, comment='Version of all that is told'),
    sa.Column('way', sa.Text(), nullable=False, comment='How an answer in the form of the schema is asked for'),
    sa.Column('shown', sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False, comment='Corrections that it shows as examples'),
    sa.Column('state', sa.Text(), nullable=False, comment='waiting, sent, answered or failed: then its messages are asked about without a batch'),
    sa.Column('call', sa.Text(), nullable=True, comment='What is asked (JSON, in its order), without personal data; null once answered'),
    sa.Column('size', sa.Integer(), nullable=False, comment='Bytes of it'),
    sa.Column('answer', postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment='What the model said; null before'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was asked'),
    sa.CheckConstraint("state IN ('failed', 'waiting', 'sent', 'answered')", name=op.f('ck_model_batch_question_state')),
    sa.ForeignKeyConstraint(['tenant_id', 'batch_id'], ['model_batch.tenant_id', 'model_batch.id'], name=op.f('fk_model_batch_question_model_batch_batch_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_model_batch_question_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_model_batch_question')),
    comment='A question that waits in a batch, until its answer is stored as analyses',
    )
    op.create_index('ix_model_batch_question_batch', 'model_batch_question', ['tenant_id', 'batch_id'], unique=False)
    op.create_index('ix_model_batch_question_day', 'model_batch_question', ['tenant_id', 'partition_day'], unique=False)
    op.create_index('ix_model_batch_question_waiting', 'model_batch_question', ['created_at'], unique=False, postgresql_where=sa.text("state = 'waiting'"))
    op.create_table('model_batch_message',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('question_id', sa.Uuid(), nullable=False, comment='The question'),
    sa.Column('message_id', sa.Uuid(), nullable=False, comment='The message'),
    sa.Column('number', sa.SmallInteger(), nullable=True, comment='Its number in the question; null for one that shares the answer'),
    sa.Column('input_hash', sa.LargeBinary(), nullable=False, comment='SHA-256 of what the question says of it'),
    sa.Column('template_key', sa.LargeBinary(), nullable=False, comment='Digest of its template'),
    sa.ForeignKeyConstraint(['tenant_id', 'message_id'], ['message.tenant_id', 'message.id'], name=op.f('fk_model_batch_message_message_message_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id', 'question_id'], ['model_batch_question.tenant_id', 'model_batch_question.id'], name=op.f('fk_model_batch_message_model_batch_question_question_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_model_batch_message_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'question_id', 'message_id', name=op.f('pk_model_batch_message')),
    comment='A message that waits for the answer to a question in a batch',
    )
    op.create_index('ix_model_batch_message_message', 'model_batch_message', ['tenant_id', 'message_id'], unique=False)
    op.create_index('ix_model_batch_message_template', 'model_batch_message', ['tenant_id', 'template_key'], unique=False)
    op.add_column('analysis', sa.Column('announced_at', sa.DateTime(timezone=True), nullable=True, comment='When its day was last announced, as it was due'))
    op.add_column('model_call', sa.Column('batch_id', sa.Uuid(), nullable=True, comment='Batch that it went in; null for a call of its own'))


def downgrade() -> None:
    op.drop_column('model_call', 'batch_id')
    op.drop_column('analysis', 'announced_at')
    for table in ('model_batch_message', 'model_batch_question', 'model_batch'):
        op.drop_table(table)
