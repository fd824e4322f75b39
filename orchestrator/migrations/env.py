"""What Alembic runs to migrate: on the connection that it is given, within the transaction that is open there."""

from alembic import context

from shared.database import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a table in place
    transaction_per_migration=False,
    transactional_ddl=False,
)
context.run_migrations()
