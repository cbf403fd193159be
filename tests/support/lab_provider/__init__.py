"""A Terraform provider for tests: its world is one JSON file per resource, and it fails or dawdles on order.

It runs as a program of its own, started by Terraform many times per test: nothing here may
import more than it needs.
"""
