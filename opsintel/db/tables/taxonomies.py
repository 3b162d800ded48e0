"""Taxonomies of tenants, version by version."""

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text

from opsintel.db.tables.declaration import BOOL, INT, JSON_, TEXT, TIME, column, limited, tenant_table

taxonomy = tenant_table(
    "taxonomy",
    "Versions of the categories that a tenant's analyses choose from; what one says is never changed",
    column("version", INT, "1, and one more with each; 0 is the product's own, of a tenant that has none"),
    column("name", TEXT, "Name shown to people"),
    column("base", TEXT, "Shipped taxonomy it was made of: operations, product, support; '' for none", default="''"),
    column("categories", JSON_, "Categories in their order: path of up to three levels, description, examples"),
    column("actor_kind", TEXT, "Who wrote it: person, service_key, operator or system"),
    column("actor_id", TEXT, "Id of the account or key, name of the operator"),
    column("created_at", TIME, "When it was written", default="now()"),
    column("current", BOOL, "Whether analyses go by it", default="false"),
    column("promoted_at", TIME, "When it was last put in force", null=True),
    UniqueConstraint("tenant_id", "version"),
    CheckConstraint("version > 0", name="version"),
    CheckConstraint("actor_kind IN ('person', 'service_key', 'operator', 'system')", name="actor_kind"),
    Index("uq_taxonomy_current", "tenant_id", unique=True, postgresql_where=text("current")),
    retention="kept",
    erasure="row",
    access=[limited("true")],
)
