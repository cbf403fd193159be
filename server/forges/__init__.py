"""Forges: one Protocol, one adapter per kind, and a registry that alone knows which is which.

An adapter turns every foreign error and object into ours; nothing of an SDK leaves this package.
"""
