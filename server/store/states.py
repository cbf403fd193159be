"""States of rows that only the store and its callers know; the domain has no word for them."""

from enum import StrEnum


class DeliveryState(StrEnum):
    """What became of a webhook request."""

    RECEIVED = "received"
    HANDLED = "handled"
    IGNORED = "ignored"
    FAILED = "failed"
