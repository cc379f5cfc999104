"""alembic's entry: the connection, already in a transaction, comes from `console.database.migrate`."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table=context.config.attributes["version_table"])
context.run_migrations()
