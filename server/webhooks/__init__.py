"""Webhooks: verified on raw bytes, parsed by pure functions, stored before anything is done.

A parser turns a payload into an event of ours or says what is wrong with it; it does no I/O.
"""
