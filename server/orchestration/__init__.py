"""Use cases: rows in, rows out, and what is to be said goes into the outbox.

Only `advance` moves a run on. Nothing in here sends a Celery message: a transaction leaves bells, and the
store rings them after the commit.
"""
