"""What a commit contains and what it changed: read from the mirror, without a checkout, deciding nothing.

Code that cannot be understood becomes a problem in the report, never an exception.
"""
