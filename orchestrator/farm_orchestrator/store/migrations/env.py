"""Runs the steps on the connection of the store, inside the store's own transaction."""

from alembic import context

from farm_orchestrator.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
