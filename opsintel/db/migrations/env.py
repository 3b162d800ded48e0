"""Alembic's environment: runs migrations on the connection it is handed, then applies roles and row security."""

from alembic import context

from opsintel.db.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=metadata, transaction_per_migration=False, compare_server_default=False
)
with context.begin_transaction():
    context.run_migrations()
