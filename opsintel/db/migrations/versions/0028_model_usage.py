"""What models cost by day, ceilings that are reached, and tries of keys that people ask for."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

KINDS = "kind IN ('backfill', 'source', 'model_key', 'erasure', 'person_export')"
KINDS_BEFORE = "kind IN ('backfill', 'source', 'erasure', 'person_export')"
KIND = "backfill, source, model_key, erasure or person_export; the last two have rows with the id of the job"
KIND_BEFORE = "backfill, source, erasure or person_export; rows of the last two have the id of their job"

# What was called before there were figures by day.
COUNT = """
    INSERT INTO fact_model_usage_day (tenant_id, id, day, source_id, purpose, provider, model, calls, failed, messages,
        tokens_in, tokens_out, tokens_cached, cost_usd, unpriced)
    SELECT tenant_id, gen_random_uuid(), (created_at AT TIME ZONE 'UTC')::date, source_id, purpose, provider, model,
        count(*), count(*) FILTER (WHERE state <> 'settled'),
        coalesce(sum(messages) FILTER (WHERE state = 'settled'), 0), sum(tokens_in), sum(tokens_out),
        sum(tokens_cached), coalesce(sum(cost_usd), 0), count(*) FILTER (WHERE state = 'settled' AND cost_usd IS NULL)
    FROM model_call WHERE state <> 'reserved' GROUP BY 1, 3, 4, 5, 6, 7
"""


def upgrade() -> None:
    op.create_table('fact_model_usage_day',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('day', sa.Date(), nullable=False, comment='UTC day on which the calls were begun'),
    sa.Column('source_id', sa.Uuid(), nullable=True, comment='Source of their messages; null where they are of several, or of none'),
    sa.Column('purpose', sa.Text(), nullable=False, comment='analyse, name_issue, embed or probe'),
    sa.Column('provider', sa.Text(), nullable=False, comment='openai, anthropic, gemini, ollama or vllm'),
    sa.Column('model', sa.Text(), nullable=False, comment='Model, as the provider calls it'),
    sa.Column('calls', sa.Integer(), nullable=False, comment='Calls that have ended'),
    sa.Column('failed', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Of them, those that gave no answer'),
    sa.Column('messages', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Messages that were answered for'),
    sa.Column('tokens_in', sa.BigInteger(), server_default=sa.text('0'), nullable=False, comment='Tokens sent'),
    sa.Column('tokens_out', sa.BigInteger(), server_default=sa.text('0'), nullable=False, comment='Tokens received'),
    sa.Column('tokens_cached', sa.BigInteger(), server_default=sa.text('0'), nullable=False, comment='Tokens sent that the provider had cached'),
    sa.Column('cost_usd', sa.Numeric(precision=18, scale=9), server_default=sa.text('0'), nullable=False, comment='Cost in USD of the calls whose price is known'),
    sa.Column('unpriced', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Calls that were answered at a price that is unknown'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_fact_model_usage_day_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_fact_model_usage_day')),
    comment='Calls of models by UTC day, source, purpose and model: counted with each call',
    )
    op.create_index('uq_fact_model_usage_day', 'fact_model_usage_day', ['tenant_id', 'day', 'source_id', 'purpose', 'provider', 'model'], unique=True, postgresql_nulls_not_distinct=True)
    op.execute(COUNT)
    op.add_column('budget_period', sa.Column('reached_at', sa.DateTime(timezone=True), nullable=True, comment='When a call was first refused since it would have passed the ceiling'))
    _kinds(KINDS, KIND)


def downgrade() -> None:
    op.execute("DELETE FROM job WHERE kind = 'model_key'")
    _kinds(KINDS_BEFORE, KIND_BEFORE)
    op.drop_column('budget_period', 'reached_at')
    op.drop_table('fact_model_usage_day')


def _kinds(allowed: str, comment: str) -> None:
    op.drop_constraint(op.f('ck_job_kind'), 'job', type_='check')
    op.create_check_constraint(op.f('ck_job_kind'), 'job', allowed)
    op.alter_column('job', 'kind', comment=comment)
