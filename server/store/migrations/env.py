"""Alembic's way in: it runs inside the transaction that `server.store.session.migrate` opened."""

from alembic import context

from server.store.tables import metadata

context.configure(
    connection=context.config.attributes.get("connection"),
    dialect_name=context.config.attributes.get("dialect"),  # for SQL that is only shown
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a column in place
)
with context.begin_transaction():
    context.run_migrations()
