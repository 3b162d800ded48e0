"""The audit log: append-only, one hash chain for each tenant, computed by the database."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Each value with its length before it (4 bytes, big-endian; -1 for null), so that no two entries are written alike.
_FIELD = """
CREATE FUNCTION audit_field(value bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN CASE WHEN value IS NULL THEN int4send(-1) ELSE int4send(octet_length(value)) || value END
"""

# The head's lock comes first: it gives each entry a place of its own, and no two wait for each other in a circle.
_LINK = """
CREATE FUNCTION audit_link() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    last public.audit_head%ROWTYPE;
BEGIN
    INSERT INTO public.audit_head (tenant_id, seq, hash) VALUES (NEW.tenant_id, 0, decode(repeat('00', 32), 'hex'))
    ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT last FROM public.audit_head WHERE tenant_id = NEW.tenant_id FOR UPDATE;
    NEW.seq := last.seq + 1;
    NEW.at := clock_timestamp();
    NEW.prev_hash := last.hash;
    NEW.actor_id := public.audit_opaque(NEW.tenant_id, NEW.actor_kind, NEW.actor_id);
    NEW.subject_id := public.audit_opaque(NEW.tenant_id, NEW.subject_kind, NEW.subject_id);
    NEW.hash := sha256(
        public.audit_field('opsintel audit v1'::bytea)
        || public.audit_field(NEW.prev_hash)
        || public.audit_field(uuid_send(NEW.tenant_id))
        || public.audit_field(int8send(NEW.seq))
        || public.audit_field(int8send((extract(epoch FROM NEW.at) * 1000000)::bigint))
        || public.audit_field(convert_to(NEW.actor_kind, 'UTF8'))
        || public.audit_field(convert_to(NEW.actor_id, 'UTF8'))
        || public.audit_field(convert_to(NEW.action, 'UTF8'))
        || public.audit_field(convert_to(NEW.subject_kind, 'UTF8'))
        || public.audit_field(convert_to(NEW.subject_id, 'UTF8'))
        || public.audit_field(convert_to(NEW.details::text, 'UTF8'))
    );
    UPDATE public.audit_head SET seq = NEW.seq, hash = NEW.hash WHERE tenant_id = NEW.tenant_id;
    RETURN NEW;
END
$$
"""

_OPAQUE = """
CREATE FUNCTION audit_opaque(of_tenant uuid, of_kind text, known_as text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    opaque uuid;
BEGIN
    IF of_kind NOT IN ('person', 'participant', 'operator', 'analyst') THEN
        RETURN known_as;
    END IF;
    SELECT subject_id INTO opaque FROM public.audit_subject
    WHERE tenant_id = of_tenant AND kind = of_kind AND reference = known_as;
    IF opaque IS NULL THEN
        opaque := gen_random_uuid();
        INSERT INTO public.audit_subject (tenant_id, subject_id, kind, reference)
        VALUES (of_tenant, opaque, of_kind, known_as);
    END IF;
    RETURN opaque::text;
END
$$
"""

_REFUSE = """
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$
"""


def upgrade() -> None:
    op.create_table('audit_log',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant whose chain it is; all zeros for acts on the installation itself'),
    sa.Column('seq', sa.BigInteger(), autoincrement=False, nullable=False, comment='Place in the chain, from 1 on without a gap'),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False, comment='When it was recorded'),
    sa.Column('actor_kind', sa.Text(), nullable=False, comment='person, service_key, operator, analyst or system'),
    sa.Column('actor_id', sa.Text(), nullable=False, comment='Who did it: an opaque id'),
    sa.Column('action', sa.Text(), nullable=False, comment='What was done: a dotted verb, e.g. member.role_changed'),
    sa.Column('subject_kind', sa.Text(), nullable=False, comment='Kind of what it was done to, e.g. person, service_key, source'),
    sa.Column('subject_id', sa.Text(), nullable=False, comment='What it was done to: an opaque id'),
    sa.Column('details', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False, comment='Ids and figures; never personal data'),
    sa.Column('prev_hash', sa.LargeBinary(), nullable=False, comment='Hash of the entry before; 32 zero bytes for the first'),
    sa.Column('hash', sa.LargeBinary(), nullable=False, comment='SHA-256 of the other columns, each with its length before it'),
    sa.CheckConstraint('seq > 0', name=op.f('ck_audit_log_seq')),
    sa.CheckConstraint("actor_kind IN ('person', 'service_key', 'operator', 'analyst', 'system')", name=op.f('ck_audit_log_actor_kind')),
    sa.CheckConstraint("action ~ '^[a-z][a-z_]*([.][a-z][a-z_]*)+$'", name=op.f('ck_audit_log_action')),
    sa.CheckConstraint("subject_kind ~ '^[a-z][a-z_]*$'", name=op.f('ck_audit_log_subject_kind')),
    sa.PrimaryKeyConstraint('tenant_id', 'seq', name=op.f('pk_audit_log')),
    comment='Acts that change rights, policies, sources or secrets, or reveal text: append-only, a hash chain for each tenant; the database sets seq, at, prev_hash and hash',
    )
    op.create_index('ix_audit_log_action', 'audit_log', ['tenant_id', 'action', 'seq'], unique=False)
    op.create_index('ix_audit_log_actor', 'audit_log', ['tenant_id', 'actor_id', 'seq'], unique=False)
    op.create_index('ix_audit_log_subject', 'audit_log', ['tenant_id', 'subject_id', 'seq'], unique=False)
    op.create_index('ix_audit_log_at', 'audit_log', ['tenant_id', 'at'], unique=False)
    op.create_table('audit_head',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant whose chain it is'),
    sa.Column('seq', sa.BigInteger(), nullable=False, comment='Place of the newest entry; 0 before the first'),
    sa.Column('hash', sa.LargeBinary(), nullable=False, comment='Its hash'),
    sa.PrimaryKeyConstraint('tenant_id', name=op.f('pk_audit_head')),
    comment="The newest entry of each chain: its lock gives every entry a place of its own; written by the log's trigger alone",
    )
    op.create_table('audit_subject',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant whose chain it is'),
    sa.Column('subject_id', sa.Uuid(), nullable=False, comment='The opaque id, random'),
    sa.Column('kind', sa.Text(), nullable=False, comment='person, participant, operator or analyst'),
    sa.Column('reference', sa.Text(), nullable=False, comment="Who it is: id of an account or participant, or the operator's or analyst's name"),
    sa.PrimaryKeyConstraint('tenant_id', 'subject_id', name=op.f('pk_audit_subject')),
    sa.UniqueConstraint('tenant_id', 'kind', 'reference', name=op.f('uq_audit_subject_tenant_id_kind_reference')),
    comment='Who is behind an opaque id of the audit log; erasure deletes the row, and the chain stays whole',
    )
    for function in (_FIELD, _OPAQUE, _LINK, _REFUSE):
        op.execute(function)
    for signature in ('audit_field(bytea)', 'audit_opaque(uuid, text, text)', 'audit_link()', 'audit_refuse()'):
        op.execute(f'REVOKE ALL ON FUNCTION {signature} FROM PUBLIC')
    op.execute('CREATE TRIGGER audit_link BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_link()')
    op.execute('CREATE TRIGGER audit_refuse_change BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_refuse()')
    op.execute('CREATE TRIGGER audit_refuse_truncate BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()')
    # ALWAYS: session_replication_role does not silence them.
    for trigger in ('audit_refuse_change', 'audit_refuse_truncate'):
        op.execute(f'ALTER TABLE audit_log ENABLE ALWAYS TRIGGER {trigger}')


def downgrade() -> None:
    op.drop_table('audit_subject')
    op.drop_table('audit_head')
    op.drop_table('audit_log')
    for signature in ('audit_link()', 'audit_opaque(uuid, text, text)', 'audit_field(bytea)', 'audit_refuse()'):
        op.execute(f'DROP FUNCTION {signature}')
