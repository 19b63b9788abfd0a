"""Alembic's folder: `env.py` binds it to the connection that the store passes, `versions` holds one file per step."""
