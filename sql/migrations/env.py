"""How alembic runs the revisions: on the connection, and in the transaction, of `migrate`."""

from alembic import context

if context.is_offline_mode():
    raise SystemExit("run monitoring-jobs migrate; there is no offline mode")

context.configure(
    connection=context.config.attributes["connection"],
    version_table_schema="monitoring",
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
