"""The first schema."""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import Vector
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('app_user',
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('email', sa.Text(), nullable=False, comment='E-mail address in lower case'),
    sa.Column('name', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Name shown to people'),
    sa.Column('password_hash', sa.Text(), nullable=False, comment='argon2id hash'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When the account was made'),
    sa.Column('disabled_at', sa.DateTime(timezone=True), nullable=True, comment='When it was disabled; null while active'),
    sa.CheckConstraint('email = lower(email)', name=op.f('ck_app_user_email_lower')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_app_user')),
    sa.UniqueConstraint('email', name=op.f('uq_app_user_email')),
    comment='A person who can log in; may be a member of several tenants',
    )
    op.create_table('batch',
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('state', sa.Text(), server_default=sa.text("'open'"), nullable=False, comment='open, done or expired'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was built'),
    sa.Column('deadline_at', sa.DateTime(timezone=True), nullable=False, comment='After this its work returns to the ledger'),
    sa.Column('run_id', sa.Text(), nullable=True, comment='Dagster run that took it'),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True, comment='When it ended'),
    sa.CheckConstraint("state IN ('open', 'done', 'expired')", name=op.f('ck_batch_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_batch')),
    comment='Partitions of many tenants that one run works through; its id is the run key',
    )
    op.create_index('ix_batch_open', 'batch', ['created_at'], unique=False, postgresql_where=sa.text("state = 'open'"))
    op.create_table('tenant',
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('slug', sa.Text(), nullable=False, comment='Short name in partition keys and addresses; names nobody; [a-z0-9-]'),
    sa.Column('name', sa.Text(), nullable=False, comment='Name shown to people'),
    sa.Column('language', sa.Text(), server_default=sa.text("'en'"), nullable=False, comment='Language of titles and summaries, BCP 47'),
    sa.Column('window_days', sa.Integer(), server_default=sa.text('365'), nullable=False, comment='Days before today that have partitions of their own; older ones share the archive day'),
    sa.Column('own_domains', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False, comment="E-mail domains and addresses of the tenant's own people: they tell direction"),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When the tenant was created'),
    sa.Column('suspended_at', sa.DateTime(timezone=True), nullable=True, comment='When the operator suspended it; null while active'),
    sa.CheckConstraint("slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'", name=op.f('ck_tenant_slug')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tenant')),
    sa.UniqueConstraint('slug', name=op.f('uq_tenant_slug')),
    comment='A customer of the installation: the boundary that row security enforces',
    )
    op.create_table('data_key',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('master_key_id', sa.Text(), nullable=False, comment='Which master key wraps it'),
    sa.Column('wrapped', sa.LargeBinary(), nullable=False, comment='The data key, sealed (envelope format v1)'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was made'),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True, comment='When a newer key took over; still opens old values'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_data_key_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_data_key')),
    comment="A tenant's data keys, each wrapped by the installation's master key",
    )
    op.create_index('uq_data_key_current', 'data_key', ['tenant_id'], unique=True, postgresql_where=sa.text('retired_at IS NULL'))
    op.create_table('data_version',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('version', sa.BigInteger(), nullable=False, comment='Counter'),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it last rose'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_data_version_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', name=op.f('pk_data_version')),
    comment="Raised whenever a tenant's marts change: the ETag of the read API",
    )
    op.create_table('embedding_model',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('name', sa.Text(), nullable=False, comment='Name, e.g. lexical or all-MiniLM-L6-v2'),
    sa.Column('version', sa.Text(), nullable=False, comment='Identity of the fitted model or its weights'),
    sa.Column('dimensions', sa.Integer(), nullable=False, comment='Length of a vector'),
    sa.Column('built_in', sa.Boolean(), nullable=False, comment='Whether it is the lexical one that needs no weights'),
    sa.Column('reason', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Why this embedder and not a better one, in words'),
    sa.Column('state', sa.LargeBinary(), nullable=True, comment="The fitted model, where it was fitted on this tenant's messages"),
    sa.Column('fitted_messages', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='How many messages it was fitted on'),
    sa.Column('current', sa.Boolean(), server_default=sa.text('true'), nullable=False, comment='Whether new messages use it'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was made'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_embedding_model_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'version', name=op.f('pk_embedding_model')),
    comment='Embedders a tenant has used; a fitted one is stored, so that a re-run uses the version it was made with',
    )
    op.create_index('uq_embedding_model_current', 'embedding_model', ['tenant_id'], unique=True, postgresql_where=sa.text('current'))
    op.create_table('membership',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('user_id', sa.Uuid(), nullable=False, comment='The person'),
    sa.Column('role', sa.Text(), nullable=False, comment='owner, admin, analyst or viewer'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When the person joined'),
    sa.CheckConstraint("role IN ('owner', 'admin', 'analyst', 'viewer')", name=op.f('ck_membership_role')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_membership_tenant_'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['app_user.id'], name=op.f('fk_membership_app_user_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'user_id', name=op.f('pk_membership')),
    comment='Which person has which role in which tenant',
    )
    op.create_index('ix_membership_user_id', 'membership', ['user_id'], unique=False)
    op.create_table('organization',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('domain', sa.Text(), nullable=False, comment='E-mail domain in lower case'),
    sa.Column('name', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Name, where one is known'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_organization_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_organization')),
    sa.UniqueConstraint('tenant_id', 'domain', name=op.f('uq_organization_tenant_id_domain')),
    comment="A customer's organisation, known by the domain of its people's addresses",
    )
    op.create_table('outbox',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('topic', sa.Text(), nullable=False, comment='What is announced: partition.dirty'),
    sa.Column('payload', postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment='Ids only, never content'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was announced'),
    sa.Column('published_at', sa.DateTime(timezone=True), nullable=True, comment='When the queue confirmed it; null while it waits'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_outbox_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_outbox')),
    comment='Work announced in the transaction that made it necessary; the relay publishes it',
    )
    op.create_index('ix_outbox_waiting', 'outbox', ['id'], unique=False, postgresql_where=sa.text('published_at IS NULL'))
    op.create_table('queue_message',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('topic', sa.Text(), nullable=False, comment='What is announced'),
    sa.Column('payload', postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment='Ids only, never content'),
    sa.Column('attempts', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='How often it was handed out'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was accepted'),
    sa.Column('available_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='From when it may be handed out (again)'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_queue_message_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_queue_message')),
    comment='The queue in PostgreSQL, used where there is no broker: at least once, leased, in order of availability',
    )
    op.create_index('ix_queue_message_available', 'queue_message', ['available_at', 'id'], unique=False)
    op.create_table('refresh_token',
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('user_id', sa.Uuid(), nullable=False, comment='Whose token'),
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant the session is in'),
    sa.Column('family_id', sa.Uuid(), nullable=False, comment='The log-in it descends from'),
    sa.Column('token_hash', sa.LargeBinary(), nullable=False, comment='SHA-256 of the token'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was issued'),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False, comment='When it ends by itself'),
    sa.Column('replaced_at', sa.DateTime(timezone=True), nullable=True, comment='When a successor was issued'),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True, comment='When the family was revoked'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_refresh_token_tenant_'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['app_user.id'], name=op.f('fk_refresh_token_app_user_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_refresh_token')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_refresh_token_token_hash')),
    comment='Refresh tokens, hashed; a family is one log-in',
    )
    op.create_index('ix_refresh_token_family_id', 'refresh_token', ['family_id'], unique=False)
    op.create_table('thread',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('key', sa.Text(), nullable=False, comment="The provider's thread id, or the first reference"),
    sa.Column('kind', sa.Text(), nullable=False, comment='email, chat or ticket'),
    sa.Column('subject', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Subject of its first message'),
    sa.Column('first_at', sa.DateTime(timezone=True), nullable=True, comment='First message'),
    sa.Column('last_at', sa.DateTime(timezone=True), nullable=True, comment='Latest message'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_thread_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_thread')),
    sa.UniqueConstraint('tenant_id', 'kind', 'key', name=op.f('uq_thread_tenant_id_kind_key')),
    comment='A conversation: what its messages share',
    )
    op.create_table('work',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('partition_day', sa.Date(), nullable=False, comment='Partition that is dirty'),
    sa.Column('reason', sa.Text(), server_default=sa.text("'import'"), nullable=False, comment='What made it dirty: import, backfill, edit, retry'),
    sa.Column('state', sa.Text(), server_default=sa.text("'pending'"), nullable=False, comment='pending, batched, done or failed'),
    sa.Column('batch_id', sa.Uuid(), nullable=True, comment='Batch that took it'),
    sa.Column('attempts', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='How many batches have tried it'),
    sa.Column('error', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Why the last try failed, in words'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was accepted'),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True, comment='When it was done or given up'),
    sa.CheckConstraint("state IN ('pending', 'batched', 'done', 'failed')", name=op.f('ck_work_state')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_work_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_work')),
    comment='The ledger: one row for each accepted announcement that a partition has something to do',
    )
    op.create_index('ix_work_batch', 'work', ['batch_id'], unique=False, postgresql_where=sa.text('batch_id IS NOT NULL'))
    op.create_index('ix_work_open', 'work', ['state', 'created_at'], unique=False, postgresql_where=sa.text("state IN ('pending', 'batched')"))
    op.create_index('ix_work_partition', 'work', ['tenant_id', 'partition_day', 'state'], unique=False)
    op.create_table('participant',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('display_name', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Name as last seen'),
    sa.Column('organization_id', sa.Uuid(), nullable=True, comment='Organisation, where the address tells'),
    sa.Column('is_own', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment="Whether one of the tenant's own people"),
    sa.Column('first_seen_at', sa.DateTime(timezone=True), nullable=True, comment='First message'),
    sa.ForeignKeyConstraint(['tenant_id', 'organization_id'], ['organization.tenant_id', 'organization.id'], name=op.f('fk_participant_organization_organization_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_participant_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_participant')),
    comment='A person or mailbox that writes or receives messages; counted once over all channels',
    )
    op.create_table('secret',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('purpose', sa.Text(), nullable=False, comment='What it is for, e.g. sheets.service_account'),
    sa.Column('sealed', sa.LargeBinary(), nullable=False, comment='Sealed value (envelope format v1)'),
    sa.Column('data_key_id', sa.Uuid(), nullable=False, comment='Data key that seals it'),
    sa.Column('version', sa.Integer(), server_default=sa.text('1'), nullable=False, comment='Raised with each new value; bound into the seal'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was stored'),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When the value last changed'),
    sa.ForeignKeyConstraint(['tenant_id', 'data_key_id'], ['data_key.tenant_id', 'data_key.id'], name=op.f('fk_secret_data_key_data_key_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_secret_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_secret')),
    comment="Credentials, sealed with the tenant's data key; the value is never shown again",
    )
    op.create_table('export_target',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('kind', sa.Text(), nullable=False, comment='google_sheet'),
    sa.Column('name', sa.Text(), nullable=False, comment='Name shown to people'),
    sa.Column('config', postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment='Spreadsheet id, worksheet, what a deleted row does'),
    sa.Column('secret_id', sa.Uuid(), nullable=True, comment='Sealed credential, where it brings its own'),
    sa.Column('state', sa.Text(), server_default=sa.text("'active'"), nullable=False, comment='active, paused or failing'),
    sa.Column('detail', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Why it is in that state'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was set up'),
    sa.Column('exported_at', sa.DateTime(timezone=True), nullable=True, comment='When an export last ended well'),
    sa.CheckConstraint("state IN ('active', 'paused', 'failing')", name=op.f('ck_export_target_state')),
    sa.ForeignKeyConstraint(['tenant_id', 'secret_id'], ['secret.tenant_id', 'secret.id'], name=op.f('fk_export_target_secret_secret_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_export_target_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_export_target')),
    comment="Where a tenant's rows are published, e.g. a Google Sheet",
    )
    op.create_table('fact_participant_day',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('day', sa.Date(), nullable=False, comment='UTC day'),
    sa.Column('participant_id', sa.Uuid(), nullable=False, comment='The customer'),
    sa.Column('messages', sa.Integer(), nullable=False, comment='Actionable messages'),
    sa.ForeignKeyConstraint(['tenant_id', 'participant_id'], ['participant.tenant_id', 'participant.id'], name=op.f('fk_fact_participant_day_participant_participant_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_fact_participant_day_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'day', 'participant_id', name=op.f('pk_fact_participant_day')),
    comment='Who wrote actionable messages on a day: for unique customers over any span',
    )
    op.create_table('message',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('kind', sa.Text(), nullable=False, comment='email, chat or ticket'),
    sa.Column('partition_day', sa.Date(), nullable=False, comment='UTC day of its partition; fixed when first stored'),
    sa.Column('occurred_at', sa.DateTime(timezone=True), nullable=True, comment="The provider's time, UTC; null when missing or absurd"),
    sa.Column('occurred_at_flag', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Why occurred_at is null: missing, absurd or future'),
    sa.Column('ingested_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was first stored'),
    sa.Column('sorted_at', sa.DateTime(timezone=True), sa.Computed('COALESCE(occurred_at, ingested_at)', persisted=True), nullable=False, comment='occurred_at, else ingested_at: the order of lists'),
    sa.Column('edited_at', sa.DateTime(timezone=True), nullable=True, comment='When it was last edited at the provider'),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True, comment='When its last occurrence went; the texts are then empty'),
    sa.Column('rfc_message_id', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Message-ID of a mail, without angle brackets'),
    sa.Column('content_hash', sa.LargeBinary(), nullable=False, comment='SHA-256 of canonical headers and body'),
    sa.Column('thread_id', sa.Uuid(), nullable=True, comment='Thread it belongs to'),
    sa.Column('parent_key', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Native id or Message-ID that it answers'),
    sa.Column('author_id', sa.Uuid(), nullable=True, comment='Who wrote it'),
    sa.Column('recipients', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False, comment='Addresses it was sent to: kind, value, name'),
    sa.Column('direction', sa.Text(), nullable=False, comment='inbound, outbound, internal or unknown'),
    sa.Column('visibility', sa.Text(), nullable=False, comment='public, or internal for help desk notes'),
    sa.Column('channel', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Channel, folder or queue'),
    sa.Column('subject', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Subject'),
    sa.Column('text', sa.Text(), server_default=sa.text("''"), nullable=False, comment='The new text alone'),
    sa.Column('quoted_text', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Quoted text'),
    sa.Column('signature_text', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Signature'),
    sa.Column('language', sa.Text(), server_default=sa.text("''"), nullable=False, comment="BCP 47; '' when too short to tell"),
    sa.Column('automatic', sa.Text(), nullable=True, comment="Class of automatic mail; null for a person's"),
    sa.Column('automatic_reason', sa.Text(), server_default=sa.text("''"), nullable=False, comment='What told'),
    sa.Column('is_bot', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='Whether a bot wrote it'),
    sa.Column('opaque', sa.Text(), server_default=sa.text("''"), nullable=False, comment='smime, pgp or tnef where the body cannot be read'),
    sa.Column('defects', sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False, comment='What was wrong with the raw message'),
    sa.Column('extra', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False, comment='Provider fields worth keeping, e.g. status, priority'),
    sa.Column('revision', sa.Integer(), server_default=sa.text('1'), nullable=False, comment='Raised with each edit'),
    sa.Column('issue_checked_at', sa.DateTime(timezone=True), nullable=True, comment="When it first went through the issues' day step"),
    sa.Column('search', postgresql.TSVECTOR(), sa.Computed("to_tsvector('simple', left(subject, 2000) || ' ' || left(text, 200000))", persisted=True), nullable=False, comment='Full text of subject and new text'),
    sa.CheckConstraint("kind IN ('email', 'chat', 'ticket')", name=op.f('ck_message_kind')),
    sa.ForeignKeyConstraint(['tenant_id', 'author_id'], ['participant.tenant_id', 'participant.id'], name=op.f('fk_message_participant_author_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id', 'thread_id'], ['thread.tenant_id', 'thread.id'], name=op.f('fk_message_thread_thread_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_message_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_message')),
    comment='A canonical message: one row however many places it was seen in',
    )
    op.create_index('ix_message_author', 'message', ['tenant_id', 'author_id'], unique=False)
    op.create_index('ix_message_day', 'message', ['tenant_id', 'partition_day'], unique=False)
    op.create_index('ix_message_rfc', 'message', ['tenant_id', 'rfc_message_id'], unique=False)
    op.create_index('ix_message_sorted', 'message', ['tenant_id', 'sorted_at', 'id'], unique=False)
    op.create_index('ix_message_thread', 'message', ['tenant_id', 'thread_id'], unique=False)
    op.create_index('ix_message_time', 'message', ['tenant_id', 'occurred_at'], unique=False)
    op.create_table('participant_identity',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('kind', sa.Text(), nullable=False, comment='email, slack, zendesk, jira or name'),
    sa.Column('value', sa.Text(), nullable=False, comment='Normalised address'),
    sa.Column('participant_id', sa.Uuid(), nullable=False, comment='Whose address'),
    sa.ForeignKeyConstraint(['tenant_id', 'participant_id'], ['participant.tenant_id', 'participant.id'], name=op.f('fk_participant_identity_participant_participant_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_participant_identity_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'kind', 'value', name=op.f('pk_participant_identity')),
    comment='The addresses of a participant: e-mail, Slack id, ...',
    )
    op.create_index('ix_participant_identity_participant', 'participant_identity', ['tenant_id', 'participant_id'], unique=False)
    op.create_table('source',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('kind', sa.Text(), nullable=False, comment='Connector kind, e.g. mbox, slack_export, csv_file'),
    sa.Column('name', sa.Text(), nullable=False, comment='Name shown to people'),
    sa.Column('config', postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="Configuration by the connector's model; holds no secret"),
    sa.Column('config_key', sa.Text(), nullable=False, comment='What makes it the same source again, e.g. the resolved path'),
    sa.Column('secret_id', sa.Uuid(), nullable=True, comment='Credential, where it has one'),
    sa.Column('state', sa.Text(), server_default=sa.text("'active'"), nullable=False, comment='active, paused, failing or disabled'),
    sa.Column('detail', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Why it is in that state, in words'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was connected'),
    sa.Column('last_sync_at', sa.DateTime(timezone=True), nullable=True, comment='When a read last ended well'),
    sa.CheckConstraint("state IN ('active', 'paused', 'failing', 'disabled')", name=op.f('ck_source_state')),
    sa.ForeignKeyConstraint(['tenant_id', 'secret_id'], ['secret.tenant_id', 'secret.id'], name=op.f('fk_source_secret_secret_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_source_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_source')),
    sa.UniqueConstraint('tenant_id', 'kind', 'config_key', name=op.f('uq_source_tenant_id_kind_config_key')),
    comment='A connected mailbox, workspace, help desk or file',
    )
    op.create_table('analysis',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('message_id', sa.Uuid(), nullable=False, comment='The message'),
    sa.Column('partition_day', sa.Date(), nullable=False, comment="Day of the message's partition"),
    sa.Column('profile_version', sa.Text(), nullable=False, comment='Version of profile, schema and taxonomy'),
    sa.Column('input_hash', sa.LargeBinary(), nullable=False, comment='SHA-256 of what was analysed: same input, same profile, never paid twice'),
    sa.Column('status', sa.Text(), nullable=False, comment='done, skipped, parked or failed'),
    sa.Column('is_actionable', sa.Boolean(), nullable=False, comment='Whether someone has to do something'),
    sa.Column('not_actionable_reason', sa.Text(), nullable=True, comment='spam, auto_reply, newsletter, fyi, thanks or internal; null when actionable'),
    sa.Column('kind', sa.Text(), nullable=False, comment='help, complaint, request, bug_report, incident, question, praise, churn_risk, billing, security, legal, other'),
    sa.Column('category', sa.Text(), server_default=sa.text("''"), nullable=False, comment="Path in the taxonomy, levels joined by ' / '"),
    sa.Column('severity', sa.SmallInteger(), nullable=False, comment='1 (worst) to 5'),
    sa.Column('severity_floor', sa.SmallInteger(), nullable=True, comment='Least severity that the rules demand; text cannot lower it below'),
    sa.Column('impact', sa.Text(), nullable=False, comment='individual, team, org or all'),
    sa.Column('urgency', sa.Text(), nullable=False, comment='now, today, week or none'),
    sa.Column('sentiment', sa.SmallInteger(), nullable=False, comment='-2 very negative to 2 very positive'),
    sa.Column('title', sa.Text(), nullable=False, comment='At most 80 characters'),
    sa.Column('summary', sa.Text(), nullable=False, comment='At most 240 characters'),
    sa.Column('language', sa.Text(), server_default=sa.text("''"), nullable=False, comment='BCP 47'),
    sa.Column('injection_suspected', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='Whether the text tries to give orders to a model'),
    sa.Column('output', postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="The whole analysis by the profile's schema"),
    sa.Column('confidence', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False, comment='By field: as given and as calibrated'),
    sa.Column('provider', sa.Text(), nullable=False, comment='built-in, openai, anthropic, ...'),
    sa.Column('model', sa.Text(), nullable=False, comment='Model, or version of the built-in rules'),
    sa.Column('built_in', sa.Boolean(), nullable=False, comment='Whether rules and local embeddings made it, without any model'),
    sa.Column('reused_from', sa.Uuid(), nullable=True, comment='Analysis of the representative it was copied from'),
    sa.Column('tokens_in', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Tokens sent'),
    sa.Column('tokens_out', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Tokens received'),
    sa.Column('tokens_cached', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Tokens sent that the provider had cached'),
    sa.Column('cost_usd', sa.Numeric(precision=18, scale=9), nullable=True, comment='Cost in USD; null when the price is unknown'),
    sa.Column('latency_ms', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Time of the call in milliseconds'),
    sa.Column('attempts', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Calls made'),
    sa.Column('current', sa.Boolean(), server_default=sa.text('true'), nullable=False, comment='Whether it is the one shown'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was made'),
    sa.CheckConstraint("status IN ('done', 'skipped', 'parked', 'failed')", name=op.f('ck_analysis_status')),
    sa.CheckConstraint('sentiment BETWEEN -2 AND 2', name=op.f('ck_analysis_sentiment')),
    sa.CheckConstraint('severity BETWEEN 1 AND 5', name=op.f('ck_analysis_severity')),
    sa.ForeignKeyConstraint(['tenant_id', 'message_id'], ['message.tenant_id', 'message.id'], name=op.f('fk_analysis_message_message_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_analysis_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_analysis')),
    comment='What was found in a message, by whom (model or built-in rules) and at what cost; older versions stay readable',
    )
    op.create_index('ix_analysis_day', 'analysis', ['tenant_id', 'partition_day'], unique=False, postgresql_where=sa.text('current'))
    op.create_index('ix_analysis_input', 'analysis', ['tenant_id', 'input_hash', 'profile_version'], unique=False)
    op.create_index('uq_analysis_current', 'analysis', ['tenant_id', 'message_id'], unique=True, postgresql_where=sa.text('current'))
    op.create_table('attachment',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('message_id', sa.Uuid(), nullable=False, comment='The message'),
    sa.Column('position', sa.Integer(), nullable=False, comment='Order within the message'),
    sa.Column('filename', sa.Text(), server_default=sa.text("''"), nullable=False, comment='File name'),
    sa.Column('content_type', sa.Text(), nullable=False, comment='Media type'),
    sa.Column('size', sa.BigInteger(), nullable=False, comment='Bytes'),
    sa.Column('inline', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='Whether shown within the text'),
    sa.ForeignKeyConstraint(['tenant_id', 'message_id'], ['message.tenant_id', 'message.id'], name=op.f('fk_attachment_message_message_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_attachment_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'message_id', 'position', name=op.f('pk_attachment')),
    comment='Parts that are not text: named and measured, not read',
    )
    op.create_table('embedding',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('message_id', sa.Uuid(), nullable=False, comment='The message'),
    sa.Column('model_version', sa.Text(), nullable=False, comment='Embedder'),
    sa.Column('vector', Vector(), nullable=False, comment='Unit vector'),
    sa.ForeignKeyConstraint(['tenant_id', 'message_id'], ['message.tenant_id', 'message.id'], name=op.f('fk_embedding_message_message_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id', 'model_version'], ['embedding_model.tenant_id', 'embedding_model.version'], name=op.f('fk_embedding_embedding_model_model_version'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_embedding_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'message_id', 'model_version', name=op.f('pk_embedding')),
    comment='Vectors of messages, one for each version of an embedder',
    )
    op.create_index('ix_embedding_model', 'embedding', ['tenant_id', 'model_version'], unique=False)
    op.create_table('export_row',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('target_id', sa.Uuid(), nullable=False, comment='The target'),
    sa.Column('row_key', sa.Text(), nullable=False, comment="Stable key, also in the sheet's hidden column"),
    sa.Column('row_hash', sa.LargeBinary(), nullable=False, comment='SHA-256 of the cells last written'),
    sa.Column('row_number', sa.Integer(), nullable=True, comment='Row in the sheet when last written; people may move it'),
    sa.Column('state', sa.Text(), nullable=False, comment='planned, written, deleted_by_person or withdrawn'),
    sa.Column('exported_at', sa.DateTime(timezone=True), nullable=True, comment='When it was last written'),
    sa.ForeignKeyConstraint(['tenant_id', 'target_id'], ['export_target.tenant_id', 'export_target.id'], name=op.f('fk_export_row_export_target_target_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_export_row_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'target_id', 'row_key', name=op.f('pk_export_row')),
    comment='What was written to a target: row key, hash of the row, where it stands',
    )
    op.create_table('fact_message_day',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('day', sa.Date(), nullable=False, comment='UTC day of the partition'),
    sa.Column('source_id', sa.Uuid(), nullable=False, comment='First source it was seen in'),
    sa.Column('kind', sa.Text(), nullable=False, comment="Kind found by the analysis; '' when not analysed"),
    sa.Column('severity', sa.SmallInteger(), nullable=False, comment='1 to 5; 0 when not analysed'),
    sa.Column('is_actionable', sa.Boolean(), nullable=False, comment='Whether someone has to do something'),
    sa.Column('messages', sa.Integer(), nullable=False, comment='Messages'),
    sa.Column('sentiment_sum', sa.Integer(), nullable=False, comment='Sum of sentiments, -2 to 2 each'),
    sa.ForeignKeyConstraint(['tenant_id', 'source_id'], ['source.tenant_id', 'source.id'], name=op.f('fk_fact_message_day_source_source_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_fact_message_day_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'day', 'source_id', 'kind', 'severity', 'is_actionable', name=op.f('pk_fact_message_day')),
    comment='Messages by day, source, kind of request and severity',
    )
    op.create_table('fact_source_day',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('day', sa.Date(), nullable=False, comment='UTC day'),
    sa.Column('source_id', sa.Uuid(), nullable=False, comment='The source'),
    sa.Column('census', sa.Integer(), nullable=True, comment='Items the provider held when last counted; null when never'),
    sa.Column('stored', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Items stored'),
    sa.Column('normalized', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Messages made of them'),
    sa.Column('analysed', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Messages analysed'),
    sa.Column('exported', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Messages whose issue stands in an export'),
    sa.Column('failed', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Failures that are open'),
    sa.Column('counted_at', sa.DateTime(timezone=True), nullable=True, comment='When the census was taken'),
    sa.ForeignKeyConstraint(['tenant_id', 'source_id'], ['source.tenant_id', 'source.id'], name=op.f('fk_fact_source_day_source_source_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_fact_source_day_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'day', 'source_id', name=op.f('pk_fact_source_day')),
    comment='Completeness by source and day: counted at the provider, stored, analysed, exported',
    )
    op.create_table('ingest_failure',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('source_id', sa.Uuid(), nullable=False, comment='Source it belongs to'),
    sa.Column('stage', sa.Text(), nullable=False, comment='ingest or normalize'),
    sa.Column('kind', sa.Text(), nullable=False, comment='What failed, e.g. message, file, row'),
    sa.Column('key', sa.Text(), nullable=False, comment='Native id, or range'),
    sa.Column('reason', sa.Text(), nullable=False, comment='Why, in words'),
    sa.Column('partition_day', sa.Date(), nullable=True, comment='Day of the item where it is known'),
    sa.Column('retryable', sa.Boolean(), nullable=False, comment='Whether trying again may help'),
    sa.Column('attempts', sa.Integer(), server_default=sa.text('1'), nullable=False, comment='How often it was tried'),
    sa.Column('first_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='First failure'),
    sa.Column('last_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='Latest failure'),
    sa.Column('next_at', sa.DateTime(timezone=True), nullable=True, comment='When it is tried again'),
    sa.Column('quarantined_at', sa.DateTime(timezone=True), nullable=True, comment='When it was set aside for a person'),
    sa.Column('resolved_at', sa.DateTime(timezone=True), nullable=True, comment='When a later try succeeded'),
    sa.ForeignKeyConstraint(['tenant_id', 'source_id'], ['source.tenant_id', 'source.id'], name=op.f('fk_ingest_failure_source_source_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_ingest_failure_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_ingest_failure')),
    sa.UniqueConstraint('tenant_id', 'source_id', 'stage', 'kind', 'key', name=op.f('uq_ingest_failure_tenant_id_source_id_stage_kind_key')),
    comment='One item or range that could not be read or normalised, with its reason; the others went on',
    )
    op.create_table('issue',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('number', sa.Integer(), nullable=False, comment='Number within the tenant, never used twice'),
    sa.Column('title', sa.Text(), nullable=False, comment='Title'),
    sa.Column('title_method', sa.Text(), nullable=False, comment='Who made the title: phrase, model or person'),
    sa.Column('title_pinned', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='Whether a person set it; nothing changes it then'),
    sa.Column('summary', sa.Text(), server_default=sa.text("''"), nullable=False, comment='What it is about'),
    sa.Column('example_message_id', sa.Uuid(), nullable=True, comment='Most typical member'),
    sa.Column('category', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Category of most of its members'),
    sa.Column('severity', sa.SmallInteger(), nullable=False, comment='1 (worst) to 5: from its members, or pinned'),
    sa.Column('severity_pinned', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='Whether a person set it'),
    sa.Column('state', sa.Text(), server_default=sa.text("'new'"), nullable=False, comment='new, ongoing, escalating, regressed, resolved or archived'),
    sa.Column('first_seen', sa.DateTime(timezone=True), nullable=True, comment='First member'),
    sa.Column('last_seen', sa.DateTime(timezone=True), nullable=True, comment='Latest member'),
    sa.Column('messages', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Members now'),
    sa.Column('customers', sa.Integer(), server_default=sa.text('0'), nullable=False, comment="Unique participants among them, the tenant's own people left out"),
    sa.Column('assignee_id', sa.Uuid(), nullable=True, comment='Person who takes care'),
    sa.Column('merged_into', sa.Uuid(), nullable=True, comment='Issue it was merged into; its id and number stay as aliases'),
    sa.Column('resolved_at', sa.DateTime(timezone=True), nullable=True, comment='When it was last resolved'),
    sa.Column('centroid', Vector(), nullable=True, comment="Mean of its members' vectors"),
    sa.Column('model_version', sa.Text(), nullable=True, comment='Embedder of the centroid'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was first formed'),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When anything of it last changed'),
    sa.CheckConstraint("state IN ('new', 'ongoing', 'escalating', 'regressed', 'resolved', 'archived')", name=op.f('ck_issue_state')),
    sa.CheckConstraint('severity BETWEEN 1 AND 5', name=op.f('ck_issue_severity')),
    sa.ForeignKeyConstraint(['tenant_id', 'example_message_id'], ['message.tenant_id', 'message.id'], name=op.f('fk_issue_message_example_message_id'), ondelete='NO ACTION'),
    sa.ForeignKeyConstraint(['tenant_id', 'merged_into'], ['issue.tenant_id', 'issue.id'], name=op.f('fk_issue_issue_merged_into'), ondelete='NO ACTION'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_issue_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_issue')),
    sa.UniqueConstraint('tenant_id', 'number', name=op.f('uq_issue_tenant_id_number')),
    comment='A recurring problem of one tenant, whatever the channel',
    )
    op.create_index('ix_issue_last_seen', 'issue', ['tenant_id', 'last_seen', 'id'], unique=False, postgresql_where=sa.text('merged_into IS NULL'))
    op.create_table('issue_constraint',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('kind', sa.Text(), nullable=False, comment='must or cannot'),
    sa.Column('message_a_id', sa.Uuid(), nullable=False, comment='One message'),
    sa.Column('message_b_id', sa.Uuid(), nullable=False, comment='The other'),
    sa.Column('author_id', sa.Uuid(), nullable=True, comment='Who decided'),
    sa.Column('reason', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Why'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When'),
    sa.CheckConstraint("kind IN ('must', 'cannot')", name=op.f('ck_issue_constraint_kind')),
    sa.ForeignKeyConstraint(['tenant_id', 'message_a_id'], ['message.tenant_id', 'message.id'], name=op.f('fk_issue_constraint_message_message_a_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id', 'message_b_id'], ['message.tenant_id', 'message.id'], name=op.f('fk_issue_constraint_message_message_b_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_issue_constraint_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_issue_constraint')),
    sa.UniqueConstraint('tenant_id', 'kind', 'message_a_id', 'message_b_id', name=op.f('uq_issue_constraint_tenant_id_kind_message_a_id_message_b_id')),
    comment='Permanent decisions of people: these two messages belong together, or never do',
    )
    op.create_table('message_label',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('message_id', sa.Uuid(), nullable=False, comment='The message'),
    sa.Column('label', sa.Text(), nullable=False, comment='Label'),
    sa.ForeignKeyConstraint(['tenant_id', 'message_id'], ['message.tenant_id', 'message.id'], name=op.f('fk_message_label_message_message_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_message_label_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'message_id', 'label', name=op.f('pk_message_label')),
    comment='Labels, tags and folders of a message at its provider',
    )
    op.create_index('ix_message_label_label', 'message_label', ['tenant_id', 'label'], unique=False)
    op.create_table('message_link',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('message_id', sa.Uuid(), nullable=False, comment='The message'),
    sa.Column('position', sa.Integer(), nullable=False, comment='Order within the message'),
    sa.Column('url', sa.Text(), nullable=False, comment='Target'),
    sa.Column('text', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Text it was shown with'),
    sa.ForeignKeyConstraint(['tenant_id', 'message_id'], ['message.tenant_id', 'message.id'], name=op.f('fk_message_link_message_message_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_message_link_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'message_id', 'position', name=op.f('pk_message_link')),
    comment='Links in the text of a message',
    )
    op.create_table('message_revision',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('message_id', sa.Uuid(), nullable=False, comment='The message'),
    sa.Column('revision', sa.Integer(), nullable=False, comment='Number of this earlier revision'),
    sa.Column('subject', sa.Text(), nullable=False, comment='Subject then'),
    sa.Column('text', sa.Text(), nullable=False, comment='New text then'),
    sa.Column('replaced_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When the next revision was stored'),
    sa.ForeignKeyConstraint(['tenant_id', 'message_id'], ['message.tenant_id', 'message.id'], name=op.f('fk_message_revision_message_message_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_message_revision_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'message_id', 'revision', name=op.f('pk_message_revision')),
    comment='Earlier texts of edited messages',
    )
    op.create_table('raw_payload',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('source_id', sa.Uuid(), nullable=False, comment='Source it was read from'),
    sa.Column('native_id', sa.Text(), nullable=False, comment="The provider's own id"),
    sa.Column('version', sa.Text(), nullable=False, comment="The provider's version of the item, or the hash of its content"),
    sa.Column('format', sa.Text(), nullable=True, comment='How the normaliser reads it: mime, slack or record'),
    sa.Column('channel', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Channel, folder or queue at the provider'),
    sa.Column('occurred_at', sa.DateTime(timezone=True), nullable=True, comment='Event time as far as the connector could tell cheaply'),
    sa.Column('partition_day', sa.Date(), nullable=False, comment='UTC day of the partition it belongs to; fixed when first stored'),
    sa.Column('fetched_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was read'),
    sa.Column('sha256', sa.LargeBinary(), nullable=True, comment='Hash of the payload; null for a deletion'),
    sa.Column('size', sa.BigInteger(), server_default=sa.text('0'), nullable=False, comment='Bytes of the payload'),
    sa.Column('object_key', sa.Text(), nullable=True, comment='Page in the object store that holds it; null for a deletion'),
    sa.Column('object_offset', sa.BigInteger(), server_default=sa.text('0'), nullable=False, comment='First byte within that page'),
    sa.Column('deleted', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='Whether this version says that the item was deleted'),
    sa.Column('normalized_at', sa.DateTime(timezone=True), nullable=True, comment='When the normaliser took it in; null while it waits'),
    sa.ForeignKeyConstraint(['tenant_id', 'source_id'], ['source.tenant_id', 'source.id'], name=op.f('fk_raw_payload_source_source_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_raw_payload_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_raw_payload')),
    sa.UniqueConstraint('tenant_id', 'source_id', 'native_id', 'version', name=op.f('uq_raw_payload_tenant_id_source_id_native_id_version')),
    comment='What a provider sent, one row for each version of an item; the bytes are in the object store, many to a page',
    )
    op.create_index('ix_raw_payload_day', 'raw_payload', ['tenant_id', 'partition_day', 'source_id'], unique=False)
    op.create_index('ix_raw_payload_object', 'raw_payload', ['tenant_id', 'object_key'], unique=False)
    op.create_index('ix_raw_payload_waiting', 'raw_payload', ['tenant_id', 'partition_day'], unique=False, postgresql_where=sa.text('normalized_at IS NULL'))
    op.create_table('source_state',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('source_id', sa.Uuid(), nullable=False, comment='The source'),
    sa.Column('stream', sa.Text(), nullable=False, comment='Stream of the connector'),
    sa.Column('cursor', postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="The connector's own cursor"),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it last moved'),
    sa.ForeignKeyConstraint(['tenant_id', 'source_id'], ['source.tenant_id', 'source.id'], name=op.f('fk_source_state_source_source_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_source_state_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'source_id', 'stream', name=op.f('pk_source_state')),
    comment='How far each stream of a source has been read; moves in the transaction of its rows',
    )
    op.create_table('fact_issue_day',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('day', sa.Date(), nullable=False, comment='UTC day'),
    sa.Column('issue_id', sa.Uuid(), nullable=False, comment='The issue'),
    sa.Column('messages', sa.Integer(), nullable=False, comment='Members of that day'),
    sa.Column('unique_participants', sa.Integer(), nullable=False, comment='Customers among their authors'),
    sa.Column('unique_organizations', sa.Integer(), nullable=False, comment='Organisations among them'),
    sa.Column('sev1', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Members of severity 1'),
    sa.Column('sev2', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Members of severity 2'),
    sa.Column('sev3', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Members of severity 3'),
    sa.Column('sev4', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Members of severity 4'),
    sa.Column('sev5', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Members of severity 5'),
    sa.Column('sentiment_sum', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Sum of sentiments'),
    sa.ForeignKeyConstraint(['tenant_id', 'issue_id'], ['issue.tenant_id', 'issue.id'], name=op.f('fk_fact_issue_day_issue_issue_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_fact_issue_day_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'day', 'issue_id', name=op.f('pk_fact_issue_day')),
    comment='Issues by day',
    )
    op.create_index('ix_fact_issue_day_issue', 'fact_issue_day', ['tenant_id', 'issue_id', 'day'], unique=False)
    op.create_table('issue_event',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('issue_id', sa.Uuid(), nullable=False, comment='The issue'),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When'),
    sa.Column('kind', sa.Text(), nullable=False, comment='What happened'),
    sa.Column('detail', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False, comment='Ids and figures of it'),
    sa.Column('actor', sa.Text(), server_default=sa.text("'pipeline'"), nullable=False, comment='pipeline, or the id of a person'),
    sa.ForeignKeyConstraint(['tenant_id', 'issue_id'], ['issue.tenant_id', 'issue.id'], name=op.f('fk_issue_event_issue_issue_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_issue_event_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_issue_event')),
    comment='History of an issue: created, grown, merged, split, renamed, resolved, regressed',
    )
    op.create_index('ix_issue_event_issue', 'issue_event', ['tenant_id', 'issue_id', 'at'], unique=False)
    op.create_table('issue_member',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('issue_id', sa.Uuid(), nullable=False, comment='The issue'),
    sa.Column('message_id', sa.Uuid(), nullable=False, comment='The message'),
    sa.Column('method', sa.Text(), nullable=False, comment='centroid, cluster, thread, constraint or consolidation'),
    sa.Column('distance', sa.Double(), nullable=False, comment="Cosine distance to the issue's centroid when it was assigned"),
    sa.Column('runner_up_issue_id', sa.Uuid(), nullable=True, comment='Next nearest issue'),
    sa.Column('runner_up_distance', sa.Double(), nullable=True, comment='Distance to it'),
    sa.Column('decided_by', sa.Text(), nullable=True, comment='Constraint or person that decided it, where one did'),
    sa.Column('model_version', sa.Text(), nullable=False, comment='Embedder used'),
    sa.Column('added_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it joined'),
    sa.Column('removed_at', sa.DateTime(timezone=True), nullable=True, comment='When it left; null while a member'),
    sa.ForeignKeyConstraint(['tenant_id', 'issue_id'], ['issue.tenant_id', 'issue.id'], name=op.f('fk_issue_member_issue_issue_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id', 'message_id'], ['message.tenant_id', 'message.id'], name=op.f('fk_issue_member_message_message_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_issue_member_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_issue_member')),
    comment='Why a message is in an issue; removed memberships stay readable',
    )
    op.create_index('ix_issue_member_issue', 'issue_member', ['tenant_id', 'issue_id'], unique=False, postgresql_where=sa.text('removed_at IS NULL'))
    op.create_index('ix_issue_member_message', 'issue_member', ['tenant_id', 'message_id'], unique=False)
    op.create_index('uq_issue_member_current', 'issue_member', ['tenant_id', 'message_id'], unique=True, postgresql_where=sa.text('removed_at IS NULL'))
    op.create_table('message_occurrence',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('source_id', sa.Uuid(), nullable=False, comment='Source'),
    sa.Column('native_id', sa.Text(), nullable=False, comment="The provider's own id there"),
    sa.Column('message_id', sa.Uuid(), nullable=False, comment='The message'),
    sa.Column('raw_payload_id', sa.Uuid(), nullable=True, comment='Payload of the version shown'),
    sa.Column('version', sa.Text(), nullable=False, comment='That version'),
    sa.Column('channel', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Channel, folder or queue there'),
    sa.Column('seen_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was first stored'),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True, comment='When it was deleted there'),
    sa.ForeignKeyConstraint(['tenant_id', 'message_id'], ['message.tenant_id', 'message.id'], name=op.f('fk_message_occurrence_message_message_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id', 'raw_payload_id'], ['raw_payload.tenant_id', 'raw_payload.id'], name=op.f('fk_message_occurrence_raw_payload_raw_payload_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id', 'source_id'], ['source.tenant_id', 'source.id'], name=op.f('fk_message_occurrence_source_source_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_message_occurrence_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'source_id', 'native_id', name=op.f('pk_message_occurrence')),
    comment='Each place a message was seen: a mail in two mailboxes is one message with two occurrences',
    )
    op.create_index('ix_message_occurrence_message', 'message_occurrence', ['tenant_id', 'message_id'], unique=False)
    op.create_index('ix_message_occurrence_payload', 'message_occurrence', ['tenant_id', 'raw_payload_id'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_message_occurrence_payload', table_name='message_occurrence')
    op.drop_index('ix_message_occurrence_message', table_name='message_occurrence')
    op.drop_table('message_occurrence')
    op.drop_index('uq_issue_member_current', table_name='issue_member', postgresql_where=sa.text('removed_at IS NULL'))
    op.drop_index('ix_issue_member_message', table_name='issue_member')
    op.drop_index('ix_issue_member_issue', table_name='issue_member', postgresql_where=sa.text('removed_at IS NULL'))
    op.drop_table('issue_member')
    op.drop_index('ix_issue_event_issue', table_name='issue_event')
    op.drop_table('issue_event')
    op.drop_index('ix_fact_issue_day_issue', table_name='fact_issue_day')
    op.drop_table('fact_issue_day')
    op.drop_table('source_state')
    op.drop_index('ix_raw_payload_waiting', table_name='raw_payload', postgresql_where=sa.text('normalized_at IS NULL'))
    op.drop_index('ix_raw_payload_object', table_name='raw_payload')
    op.drop_index('ix_raw_payload_day', table_name='raw_payload')
    op.drop_table('raw_payload')
    op.drop_table('message_revision')
    op.drop_table('message_link')
    op.drop_index('ix_message_label_label', table_name='message_label')
    op.drop_table('message_label')
    op.drop_table('issue_constraint')
    op.drop_index('ix_issue_last_seen', table_name='issue', postgresql_where=sa.text('merged_into IS NULL'))
    op.drop_table('issue')
    op.drop_table('ingest_failure')
    op.drop_table('fact_source_day')
    op.drop_table('fact_message_day')
    op.drop_table('export_row')
    op.drop_index('ix_embedding_model', table_name='embedding')
    op.drop_table('embedding')
    op.drop_table('attachment')
    op.drop_index('uq_analysis_current', table_name='analysis', postgresql_where=sa.text('current'))
    op.drop_index('ix_analysis_input', table_name='analysis')
    op.drop_index('ix_analysis_day', table_name='analysis', postgresql_where=sa.text('current'))
    op.drop_table('analysis')
    op.drop_table('source')
    op.drop_index('ix_participant_identity_participant', table_name='participant_identity')
    op.drop_table('participant_identity')
    op.drop_index('ix_message_time', table_name='message')
    op.drop_index('ix_message_thread', table_name='message')
    op.drop_index('ix_message_sorted', table_name='message')
    op.drop_index('ix_message_rfc', table_name='message')
    op.drop_index('ix_message_day', table_name='message')
    op.drop_index('ix_message_author', table_name='message')
    op.drop_table('message')
    op.drop_table('fact_participant_day')
    op.drop_table('export_target')
    op.drop_table('secret')
    op.drop_table('participant')
    op.drop_index('ix_work_partition', table_name='work')
    op.drop_index('ix_work_open', table_name='work', postgresql_where=sa.text("state IN ('pending', 'batched')"))
    op.drop_index('ix_work_batch', table_name='work', postgresql_where=sa.text('batch_id IS NOT NULL'))
    op.drop_table('work')
    op.drop_table('thread')
    op.drop_index('ix_refresh_token_family_id', table_name='refresh_token')
    op.drop_table('refresh_token')
    op.drop_index('ix_queue_message_available', table_name='queue_message')
    op.drop_table('queue_message')
    op.drop_index('ix_outbox_waiting', table_name='outbox', postgresql_where=sa.text('published_at IS NULL'))
    op.drop_table('outbox')
    op.drop_table('organization')
    op.drop_index('ix_membership_user_id', table_name='membership')
    op.drop_table('membership')
    op.drop_index('uq_embedding_model_current', table_name='embedding_model', postgresql_where=sa.text('current'))
    op.drop_table('embedding_model')
    op.drop_table('data_version')
    op.drop_index('uq_data_key_current', table_name='data_key', postgresql_where=sa.text('retired_at IS NULL'))
    op.drop_table('data_key')
    op.drop_table('tenant')
    op.drop_index('ix_batch_open', table_name='batch', postgresql_where=sa.text("state = 'open'"))
    op.drop_table('batch')
    op.drop_table('app_user')
