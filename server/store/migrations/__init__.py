"""Alembic's scripts. Each suits the version before it: rolling upgrades run both on one schema."""
