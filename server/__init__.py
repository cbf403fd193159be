"""The half of Thera that talks to people and forges, and decides.

It never runs Terraform and never checks out code; of `workers` it may see `workers.protocol` alone.
"""
