"""Workflow steps: one module for each name, found by a table; each is a function of its context."""
