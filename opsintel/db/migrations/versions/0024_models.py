"""Keys, chains, ceilings and calls of models; what an analysis came from."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('model_key',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('name', sa.Text(), nullable=False, comment='Name shown to people'),
    sa.Column('provider', sa.Text(), nullable=False, comment='openai, anthropic, gemini, ollama or vllm'),
    sa.Column('base_url', sa.Text(), nullable=False, comment="Address of the provider's interface"),
    sa.Column('secret_id', sa.Uuid(), nullable=True, comment='The key, sealed; null for servers that take none'),
    sa.Column('previous_secret_id', sa.Uuid(), nullable=True, comment='The key before the last rotation, while it is taken as well'),
    sa.Column('previous_until', sa.DateTime(timezone=True), nullable=True, comment='Until when that is'),
    sa.Column('health', sa.Text(), server_default=sa.text("'untested'"), nullable=False, comment='untested, valid, quota, rate_limited, revoked, model_missing or unreachable'),
    sa.Column('detail', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Why, in words'),
    sa.Column('checked_at', sa.DateTime(timezone=True), nullable=True, comment='When that was found'),
    sa.Column('valid_at', sa.DateTime(timezone=True), nullable=True, comment='When it was last seen well'),
    sa.Column('retry_at', sa.DateTime(timezone=True), nullable=True, comment='From when it is tried again; null while it may be used'),
    sa.Column('faults', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Faults since it was last seen well'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was stored'),
    sa.CheckConstraint("health IN ('untested', 'valid', 'quota', 'rate_limited', 'revoked', 'model_missing', 'unreachable')", name=op.f('ck_model_key_health')),
    sa.ForeignKeyConstraint(['tenant_id', 'previous_secret_id'], ['secret.tenant_id', 'secret.id'], name=op.f('fk_model_key_secret_previous_secret_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id', 'secret_id'], ['secret.tenant_id', 'secret.id'], name=op.f('fk_model_key_secret_secret_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_model_key_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_model_key')),
    sa.UniqueConstraint('tenant_id', 'name', name=op.f('uq_model_key_tenant_id_name')),
    comment="A tenant's own access to a model provider, and how it does",
    )
    op.create_index('ix_model_key_retry', 'model_key', ['retry_at'], unique=False, postgresql_where=sa.text('retry_at IS NOT NULL'))
    op.create_table('model_chain',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('purpose', sa.Text(), nullable=False, comment='analyse, name_issue or embed'),
    sa.Column('place', sa.SmallInteger(), nullable=False, comment='Order; 0 is tried first'),
    sa.Column('key_id', sa.Uuid(), nullable=False, comment='Access it goes by'),
    sa.Column('model', sa.Text(), nullable=False, comment='Model, as the provider calls it'),
    sa.Column('input_price', sa.Numeric(precision=18, scale=9), nullable=True, comment='USD a million tokens in, where the tenant knows better than the list'),
    sa.Column('output_price', sa.Numeric(precision=18, scale=9), nullable=True, comment='USD a million tokens out, likewise'),
    sa.CheckConstraint("purpose IN ('analyse', 'name_issue', 'embed')", name=op.f('ck_model_chain_purpose')),
    sa.CheckConstraint('(input_price IS NULL) = (output_price IS NULL)', name=op.f('ck_model_chain_prices')),
    sa.CheckConstraint('input_price >= 0 AND output_price >= 0', name=op.f('ck_model_chain_price')),
    sa.ForeignKeyConstraint(['tenant_id', 'key_id'], ['model_key.tenant_id', 'model_key.id'], name=op.f('fk_model_chain_model_key_key_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_model_chain_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'purpose', 'place', name=op.f('pk_model_chain')),
    comment='Which models serve a purpose, in the order they are tried',
    )
    op.create_table('budget',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('scope', sa.Text(), nullable=False, comment='month, source or backfill'),
    sa.Column('subject_id', sa.Uuid(), nullable=True, comment="The source or job; null for the tenant's month"),
    sa.Column('limit_usd', sa.Numeric(precision=18, scale=9), nullable=False, comment='Ceiling in USD: of a calendar month (UTC), or of the whole backfill'),
    sa.Column('degrade', sa.Text(), nullable=False, comment='What is done before it is reached: park, cheaper (the next model of the chain) or sample'),
    sa.Column('degrade_from', sa.Double(), server_default=sa.text('0.8'), nullable=False, comment='Share of the ceiling from which that is done'),
    sa.Column('sample_share', sa.Double(), server_default=sa.text('0.2'), nullable=False, comment='Share of messages that are analysed then, for sample'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was set'),
    sa.CheckConstraint("(scope = 'month') = (subject_id IS NULL)", name=op.f('ck_budget_subject')),
    sa.CheckConstraint("degrade IN ('park', 'cheaper', 'sample')", name=op.f('ck_budget_degrade')),
    sa.CheckConstraint("scope IN ('source', 'backfill', 'month')", name=op.f('ck_budget_scope')),
    sa.CheckConstraint('degrade_from BETWEEN 0 AND 1', name=op.f('ck_budget_degrade_from')),
    sa.CheckConstraint('limit_usd >= 0', name=op.f('ck_budget_limit_usd')),
    sa.CheckConstraint('sample_share BETWEEN 0 AND 1', name=op.f('ck_budget_sample_share')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_budget_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_budget')),
    comment='A ceiling that what calls of models cost never passes; at it, all is parked',
    )
    op.create_index('uq_budget_subject', 'budget', ['tenant_id', 'scope', 'subject_id'], unique=True, postgresql_nulls_not_distinct=True)
    op.create_table('budget_period',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('budget_id', sa.Uuid(), nullable=False, comment='The budget'),
    sa.Column('month', sa.Date(), nullable=False, comment='First day of the month (UTC); of a backfill 1970-01-01'),
    sa.Column('spent_usd', sa.Numeric(precision=18, scale=9), server_default=sa.text('0'), nullable=False, comment='Paid'),
    sa.Column('reserved_usd', sa.Numeric(precision=18, scale=9), server_default=sa.text('0'), nullable=False, comment='Set aside for calls under way'),
    sa.CheckConstraint('spent_usd >= 0 AND reserved_usd >= 0', name=op.f('ck_budget_period_amounts')),
    sa.ForeignKeyConstraint(['tenant_id', 'budget_id'], ['budget.tenant_id', 'budget.id'], name=op.f('fk_budget_period_budget_budget_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_budget_period_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'budget_id', 'month', name=op.f('pk_budget_period')),
    comment='What is spent and set aside of a budget in a month; both together never pass its ceiling',
    )
    op.create_table('model_call',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('call_key', sa.LargeBinary(), nullable=False, comment='SHA-256 of all that the answer depends on'),
    sa.Column('purpose', sa.Text(), nullable=False, comment='analyse, name_issue, embed or probe'),
    sa.Column('key_id', sa.Uuid(), nullable=False, comment='Access it went by; it may be gone since'),
    sa.Column('provider', sa.Text(), nullable=False, comment='openai, anthropic, gemini, ollama or vllm'),
    sa.Column('model', sa.Text(), nullable=False, comment='Model, as the provider calls it'),
    sa.Column('source_id', sa.Uuid(), nullable=True, comment='Source of its messages; null where they are of several'),
    sa.Column('job_id', sa.Uuid(), nullable=True, comment='Backfill or re-run it belongs to'),
    sa.Column('partition_day', sa.Date(), nullable=True, comment='Partition of its messages; null for none'),
    sa.Column('messages', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Messages it was about'),
    sa.Column('state', sa.Text(), nullable=False, comment='reserved, settled, failed or unknown: it was begun and nobody knows how it ended'),
    sa.Column('reserved_usd', sa.Numeric(precision=18, scale=9), nullable=True, comment='Set aside; null where the price is unknown'),
    sa.Column('cost_usd', sa.Numeric(precision=18, scale=9), nullable=True, comment='Cost; null when the price is unknown or nothing was paid'),
    sa.Column('tokens_in', sa.BigInteger(), server_default=sa.text('0'), nullable=False, comment='Tokens sent'),
    sa.Column('tokens_out', sa.BigInteger(), server_default=sa.text('0'), nullable=False, comment='Tokens received'),
    sa.Column('tokens_cached', sa.BigInteger(), server_default=sa.text('0'), nullable=False, comment='Tokens sent that the provider had cached'),
    sa.Column('latency_ms', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Time of the call in milliseconds'),
    sa.Column('fault', sa.Text(), nullable=True, comment='Why it gave no answer'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was set aside'),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True, comment='When it was settled'),
    sa.CheckConstraint("state IN ('reserved', 'settled', 'failed', 'unknown')", name=op.f('ck_model_call_state')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_model_call_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_model_call')),
    comment='Every call of a model: set aside before it, settled after it; the ledger of what analyses cost',
    )
    op.create_index('ix_model_call_created', 'model_call', ['tenant_id', 'created_at'], unique=False)
    op.create_index('ix_model_call_key', 'model_call', ['tenant_id', 'call_key'], unique=False)
    op.create_index('ix_model_call_reserved', 'model_call', ['created_at'], unique=False, postgresql_where=sa.text("state = 'reserved'"))
    op.add_column('analysis', sa.Column('call_id', sa.Uuid(), nullable=True, comment='Call of the model that made it'))
    op.add_column('analysis', sa.Column('provenance', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False, comment='Added by code, never by a model: profile, hash of the prompt, examples shown, way of asking, whether repaired'))
    op.add_column('analysis', sa.Column('reason', sa.Text(), nullable=True, comment='Why no model made it, where one should have'))
    op.add_column('analysis', sa.Column('parked_until', sa.DateTime(timezone=True), nullable=True, comment='From when it is tried again, while it is parked'))
    op.add_column('analysis', sa.Column('stale', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='Whether it is to be made again by the present profile, as somebody asked'))
    op.create_index('ix_analysis_parked', 'analysis', ['parked_until'], unique=False, postgresql_where=sa.text("current AND status = 'parked'"))


def downgrade() -> None:
    op.drop_index('ix_analysis_parked', table_name='analysis')
    op.drop_column('analysis', 'stale')
    op.drop_column('analysis', 'parked_until')
    op.drop_column('analysis', 'reason')
    op.drop_column('analysis', 'provenance')
    op.drop_column('analysis', 'call_id')
    op.drop_table('model_call')
    op.drop_table('budget_period')
    op.drop_table('budget')
    op.drop_table('model_chain')
    op.drop_table('model_key')
