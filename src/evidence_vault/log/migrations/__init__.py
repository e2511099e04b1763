"""Scripts of Alembic, one for each layout of the catalogue (log/migrating.py runs them)."""
