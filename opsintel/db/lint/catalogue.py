"""Questions to the catalogue that several rules ask, of a table and of its twin alike."""

from typing import LiteralString

POLICIES: LiteralString = """
    SELECT tablename AS relation, policyname AS name, permissive,
           array_to_string(ARRAY(SELECT unnest(roles)::text ORDER BY 1), ', ') AS roles, cmd AS command,
           coalesce(qual, '') AS condition, coalesce(with_check, '') AS "check"
    FROM pg_policies WHERE schemaname = %(schema)s
"""
"""Policies of the tables of a schema."""

GRANTS: LiteralString = """
    SELECT relname::text AS relation, coalesce(rolname, 'PUBLIC')::text AS grantee,
           privilege_type || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS privilege, given."column"
    FROM (
        SELECT pg_class.oid, '' AS "column", granted.* FROM pg_class, aclexplode(relacl) AS granted
        UNION ALL
        SELECT attrelid, attname::text, granted.* FROM pg_attribute, aclexplode(attacl) AS granted
        WHERE NOT attisdropped
    ) AS given
    JOIN pg_class ON pg_class.oid = given.oid
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    LEFT JOIN pg_roles ON pg_roles.oid = given.grantee
    WHERE nspname = %(schema)s AND relkind IN ('r', 'p') AND NOT relispartition AND given.grantee <> relowner
"""
"""Rights on the tables of a schema and their columns, but their owner's."""

DECLARED_GRANTS: LiteralString = """
    jsonb_to_recordset(%(grants)s) AS declared (relation text, grantee text, privilege text, "column" text)
"""

DECLARED_POLICIES: LiteralString = """
    jsonb_to_recordset(%(policies)s) AS declared
        (relation text, name text, permissive text, roles text, command text, condition text, "check" text)
"""

OWN_RELATION: LiteralString = """
    NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
    AND pg_class.relnamespace NOT IN (
        SELECT oid FROM pg_namespace WHERE nspname = 'information_schema' OR nspname LIKE 'pg\\_%%')
"""
"""Whether a relation is neither PostgreSQL's, nor an extension's, nor temporary."""

OWN_FUNCTION: LiteralString = """
    NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e')
    AND pg_proc.pronamespace NOT IN (
        SELECT oid FROM pg_namespace WHERE nspname = 'information_schema' OR nspname LIKE 'pg\\_%%')
"""

CHILDREN: LiteralString = """
    SELECT inhrelid AS oid FROM pg_inherits JOIN pg_class AS parent ON parent.oid = inhparent
    WHERE parent.relnamespace = 'public'::regnamespace AND parent.relname = ANY(%(tables)s)
"""
"""Partitions of declared tables, and tables that inherit from them."""
