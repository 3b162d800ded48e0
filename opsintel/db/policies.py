"""What a table's declaration becomes in the database: row security, policies, grants, comments."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Table

from opsintel.db.engine import APP_ROLE, SYSTEM_ROLE
from opsintel.db.roles import BACKUP_ROLE, ERASER_ROLE, OWNER_ROLE, ROLES
from opsintel.db.tables import declaration_of
from opsintel.db.tables.declaration import TENANT, Access, Declaration


def statements_for(table: Table) -> list[str]:
    """Return the statements that give one table, which has no policies yet, its policies, grants and comments."""
    declared = declaration_of(table)
    name = table.name
    others = ", ".join(role for role in ROLES if role != OWNER_ROLE)
    statements = [
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
        f"REVOKE ALL ON {name} FROM PUBLIC, {others}",
    ]
    statements.extend(_tenant_access(name, declared))
    if declared.system_select or declared.system_write:
        statements.append(f"CREATE POLICY system ON {name} TO {SYSTEM_ROLE} USING (true) WITH CHECK (true)")
        statements.extend(_system_grants(name, declared.system_select, declared.system_write))
    if declared.written_by_owner:
        statements.append(f"CREATE POLICY owner ON {name} TO {OWNER_ROLE} USING (true) WITH CHECK (true)")
    statements.append(f"CREATE POLICY backup ON {name} FOR SELECT TO {BACKUP_ROLE} USING (true)")
    statements.append(f"GRANT SELECT ON {name} TO {BACKUP_ROLE}")
    statements.extend(_further_access(name, declared.access))
    statements.append(f"COMMENT ON TABLE {name} IS {literal(table.comment or '')}")
    statements.extend(
        f'COMMENT ON COLUMN {name}."{column.name}" IS {literal(column.comment or "")}' for column in table.columns
    )
    return statements


def literal(value: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def _tenant_access(name: str, declared: Declaration) -> list[str]:
    """Bind the application, and the procedures of erasure, to the tenant of the transaction."""
    if not declared.tenant_column:
        return []
    bound = f"{declared.tenant_column} = {TENANT}"
    erasing = ["SELECT", *(right for right in ("UPDATE", "DELETE") if right in declared.tenant_rights)]
    return [
        f"CREATE POLICY tenant ON {name} TO {APP_ROLE} USING ({bound}) WITH CHECK ({bound})",
        f"GRANT {', '.join(declared.tenant_rights)} ON {name} TO {APP_ROLE}",
        f"CREATE POLICY eraser ON {name} TO {ERASER_ROLE} USING ({bound}) WITH CHECK ({bound})",
        f"GRANT {', '.join(erasing)} ON {name} TO {ERASER_ROLE}",
    ]


def _system_grants(name: str, select: tuple[str, ...], write: tuple[str, ...]) -> list[str]:
    grants = []
    if select:
        grants.append(f"GRANT SELECT{_columns(select)} ON {name} TO {SYSTEM_ROLE}")
    if "*" in write:
        grants.append(f"GRANT INSERT, UPDATE, DELETE ON {name} TO {SYSTEM_ROLE}")
    else:
        columns = tuple(column for column in write if column not in ("INSERT", "DELETE"))
        if columns:
            grants.append(f"GRANT UPDATE{_columns(columns)} ON {name} TO {SYSTEM_ROLE}")
        grants.extend(f"GRANT {right} ON {name} TO {SYSTEM_ROLE}" for right in ("INSERT", "DELETE") if right in write)
    return grants


def _further_access(name: str, access: Iterable[Access]) -> list[str]:
    statements = []
    for one in access:
        policy = one.role.removeprefix("opsintel_")
        statements.append(f"CREATE POLICY further_{policy} ON {name} TO {one.role} USING ({one.rows})")
        statements.extend(f"GRANT {privilege} ON {name} TO {one.role}" for privilege in one.privileges)
    return statements


def _columns(columns: tuple[str, ...]) -> str:
    return "" if "*" in columns else f" ({', '.join(columns)})"
