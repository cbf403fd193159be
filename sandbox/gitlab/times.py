"""Times as GitLab writes them: one way in the API, another in webhooks."""

from datetime import datetime


def moment(at: datetime | None) -> str | None:
    """Write a time as the API does."""
    return None if at is None else at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def spoken(at: datetime | None) -> str | None:
    """Write a time as a webhook's attributes do: `2021-09-27 05:00:01 UTC`."""
    return None if at is None else at.strftime("%Y-%m-%d %H:%M:%S UTC")
