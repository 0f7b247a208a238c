"""Alembic's migrations: one set for PostgreSQL and SQLite."""
