"""Terraform and OpenTofu: which binary, how it is called, and what its output means."""
