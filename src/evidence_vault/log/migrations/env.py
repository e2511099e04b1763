"""Run by Alembic: one transaction of a connection that it is given, committed by the caller."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    transaction_per_migration=False,
    transactional_ddl=True,
    version_table="log_alembic",
)
context.run_migrations()
