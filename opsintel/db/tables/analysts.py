"""Analysts: who may read the views of schema `mart` by SQL."""

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, PrimaryKeyConstraint, UniqueConstraint

from opsintel.db.roles import GATEKEEPER_ROLE, MART_ROLE
from opsintel.db.tables.declaration import BOOL, TEXT, TIME, UUID_, Access, column, control_table

VALID = "(valid_until IS NULL OR valid_until > now())"

analyst = control_table(
    "analyst",
    "Logins of analysts: the tenant whose rows a login sees; without a row here it sees nothing",
    column("role_name", TEXT, "Name of the login in PostgreSQL"),
    column("tenant_id", UUID_, "Tenant whose rows it sees"),
    column("name", TEXT, "Name that the operator gave"),
    column("sees_text", BOOL, "Whether it sees texts and personal data", default="false"),
    column("created_at", TIME, "When it was made", default="now()"),
    column("valid_until", TIME, "When it ends by itself; null for never", null=True),
    column("rotated_at", TIME, "When its password was last changed", null=True),
    PrimaryKeyConstraint("role_name"),
    UniqueConstraint("tenant_id", "name"),
    ForeignKeyConstraint(["tenant_id"], ["tenant.id"], ondelete="CASCADE"),
    CheckConstraint("role_name ~ '^analyst_' AND octet_length(role_name) <= 63", name="role_name"),
    access=(
        Access(
            MART_ROLE,
            ("SELECT (role_name, tenant_id, sees_text, valid_until)",),
            f"role_name = session_user AND {VALID}",
        ),
        Access(GATEKEEPER_ROLE, ("SELECT (role_name, tenant_id, valid_until)",), "true"),
    ),
    retention="kept",
    erasure="with_tenant",
)
