"""The rows that decide: one file per aggregate, all inside a unit of work.

SQLAlchemy and Alembic live here and nowhere else; out come domain values. Nothing here decides, waits for a
forge, or sends a message: a bell is rung after the commit, by whoever was handed in.
"""
