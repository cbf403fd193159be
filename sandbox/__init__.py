"""A forge in one process: GitHub's API, git over HTTP, webhooks, and pages to click through.

It is what `make demo`, the acceptance tests and the benchmarks run against. It knows nothing of Thera.
"""
