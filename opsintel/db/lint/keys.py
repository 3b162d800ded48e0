"""Keys, references and indexes: the tenant leads each, and none is half made."""

from opsintel.db.lint.rule import Rule

RULES = (
    Rule(
        "key-without-tenant",
        "is unique over all tenants: whether a value is taken tells of another tenant's rows",
        """SELECT indexrelid::regclass FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
           WHERE relnamespace = 'public'::regnamespace AND relname = ANY(%(tenant_tables)s) AND indisunique
               AND NOT EXISTS (SELECT FROM pg_attribute
                               WHERE attrelid = indrelid AND attnum = indkey[0] AND attname = 'tenant_id')""",
        "Drop it, and make it with tenant_id first",
    ),
    Rule(
        "reference-without-tenant",
        "refers to a table of tenants by a key that tenant_id does not lead: it can point at another tenant's row",
        """SELECT format('%%I of %%s', conname, conrelid::regclass) FROM pg_constraint
               JOIN pg_class AS here ON here.oid = conrelid JOIN pg_class AS there ON there.oid = confrelid
           WHERE contype = 'f' AND here.relnamespace = 'public'::regnamespace
               AND here.relname = ANY(%(tenant_tables)s) AND there.relname = ANY(%(tenant_tables)s)
               AND NOT EXISTS (
                   SELECT FROM pg_attribute AS one, pg_attribute AS other
                   WHERE one.attrelid = conrelid AND one.attnum = conkey[1] AND one.attname = 'tenant_id'
                       AND other.attrelid = confrelid AND other.attnum = confkey[1] AND other.attname = 'tenant_id')""",
        "Drop it, and make it with tenant_id first",
    ),
    Rule(
        "reference-missing",
        "is declared and not there: a row can refer to nothing, or to another tenant's",
        """SELECT format('%%s (%%s) to %%s', relation, array_to_string(columns, ', '), target)
           FROM jsonb_to_recordset(%(references)s) AS declared (relation text, columns text[], target text)
           WHERE NOT EXISTS (
               SELECT FROM pg_constraint
               WHERE contype = 'f' AND conrelid = to_regclass(format('public.%%I', relation))
                   AND confrelid = to_regclass(format('public.%%I', target))
                   AND columns = ARRAY(
                       SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS key (number, place)
                           JOIN pg_attribute ON attrelid = conrelid AND attnum = number ORDER BY place))""",
        "Restore a back-up: somebody changed the schema by hand",
    ),
    Rule(
        "constraint-not-validated",
        "was never checked against the rows that were there, or is not enforced",
        """SELECT format('%%I of %%s', conname, conrelid::regclass) FROM pg_constraint
               JOIN pg_class ON pg_class.oid = conrelid
           WHERE relnamespace = 'public'::regnamespace
               AND (NOT convalidated OR to_jsonb(pg_constraint) ->> 'conenforced' = 'false')""",
        "Run ALTER TABLE ... VALIDATE CONSTRAINT, and mend the rows it names",
    ),
    Rule(
        "index-invalid",
        "is half made: queries do without it, and a unique one holds nothing",
        """SELECT indexrelid::regclass FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
           WHERE relnamespace = 'public'::regnamespace AND NOT (indisvalid AND indisready AND indislive)""",
        "Run REINDEX INDEX on it",
    ),
    Rule(
        "index-behind-policy",
        "has no leak-proof operator: under a policy the planner may not use it, and queries read whole tables",
        """SELECT indexrelid::regclass FROM pg_index
               JOIN pg_class ON pg_class.oid = indrelid
               JOIN unnest(indclass::oid[]) WITH ORDINALITY AS searched (class, place) ON place <= indnkeyatts
               JOIN pg_opclass ON pg_opclass.oid = class
           WHERE relnamespace = 'public'::regnamespace AND relname = ANY(%(tenant_tables)s)
           GROUP BY indexrelid
           HAVING bool_or(NOT EXISTS (
               SELECT FROM pg_amop JOIN pg_operator ON pg_operator.oid = amopopr JOIN pg_proc ON pg_proc.oid = oprcode
               WHERE amopfamily = opcfamily AND amoplefttype = opcintype AND amoprighttype = opcintype
                   AND amoppurpose = 's' AND proleakproof))""",
        "Drop it; index a column of a leak-proof type, or search by a function that repeats the tenant's filter",
    ),
)
