"""Judging plans by policies: conftest or opa where a worker has them, else an embedded Rego engine.

Whatever cannot be judged has not passed. Nothing here knows Git, Terraform or a job.
"""
