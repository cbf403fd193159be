"""Who sent this: checked on the bytes as they came, in constant time."""

import hashlib
import hmac


def is_signed(body: bytes, *, secret: str, sha256: str | None, sha1: str | None) -> bool:
    """Check GitHub's `X-Hub-Signature-256`, or the older `X-Hub-Signature` where only that was sent."""
    if sha256 is not None:
        return _matches(body, secret, sha256, "sha256")
    return sha1 is not None and _matches(body, secret, sha1, "sha1")


def _matches(body: bytes, secret: str, given: str, algorithm: str) -> bool:
    digest = hmac.new(secret.encode(), body, getattr(hashlib, algorithm)).hexdigest()
    return hmac.compare_digest(f"{algorithm}={digest}".encode(), given.encode("utf-8", "replace"))
