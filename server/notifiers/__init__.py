"""Messages to systems outside of the forge: how each kind is told of what happened.

Nothing here knows rows or settings, and nothing decides what is told; no message carries a plan's text.
"""
