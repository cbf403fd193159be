"""The half of Thera that touches code and clouds.

A worker has no database and no forge SDK: it receives a job, runs it and reports facts.
Nothing in here may import `server`.
"""
