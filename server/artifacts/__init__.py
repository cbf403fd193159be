"""Saved plans at rest: encrypted, bound to what they were made from, on a disk or in a bucket.

Nothing here knows rows or runs; obstore and the cipher live here and nowhere else.
"""
