"""The forge as GitLab would be: REST API (v4), states and webhooks, over the same repositories and pulls."""
