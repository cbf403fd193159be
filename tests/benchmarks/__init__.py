"""Thera against bare Terraform, in the same run: `make bench`."""
