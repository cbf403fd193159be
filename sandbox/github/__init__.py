"""GitHub's face: routes, payloads and webhooks of its REST API (version 2022-11-28)."""
