"""Only who knows the secret is heard, and only with the bytes that were signed."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.webhooks.signature import is_signed

SECRET = "It's a Secret to Everybody"
BODY = b"Hello, World!"
# From GitHub's own documentation of webhook signatures.
KNOWN = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
SHA1 = "sha1=" + hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest()


def test_the_example_of_githubs_documentation_holds() -> None:
    assert is_signed(BODY, secret=SECRET, sha256=KNOWN, sha1=None)


def test_sha1_alone_is_enough_for_an_old_enterprise_server() -> None:
    assert is_signed(BODY, secret=SECRET, sha256=None, sha1=SHA1)


@pytest.mark.parametrize(
    ("sha256", "sha1"),
    [
        pytest.param(None, None, id="unsigned"),
        pytest.param("", None, id="empty"),
        pytest.param(KNOWN.removeprefix("sha256="), None, id="without the algorithm"),
        pytest.param(KNOWN.upper(), None, id="in capitals"),
        pytest.param(KNOWN[:-1], None, id="cut short"),
        pytest.param(SHA1, None, id="sha1 where sha256 belongs"),
        pytest.param("sha256=é", None, id="not ASCII"),
        pytest.param("sha256=\udcff", None, id="not even Unicode"),
        pytest.param(f"sha256={'0' * 64}", SHA1, id="a wrong sha256 is not rescued by a right sha1"),
        pytest.param("", SHA1, id="an empty sha256 is not rescued by a right sha1"),
        pytest.param(None, KNOWN, id="sha256 where sha1 belongs"),
    ],
)
def test_a_wrong_signature_is_refused(sha256: str | None, sha1: str | None) -> None:
    assert not is_signed(BODY, secret=SECRET, sha256=sha256, sha1=sha1)


def test_a_wrong_secret_is_refused() -> None:
    assert not is_signed(BODY, secret=SECRET + " ", sha256=KNOWN, sha1=None)


@given(body=st.binary(min_size=1, max_size=200), place=st.integers(0, 199), flip=st.integers(1, 255))
def test_a_body_with_one_byte_changed_is_refused(body: bytes, place: int, flip: int) -> None:
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    changed = bytearray(body)
    changed[place % len(body)] ^= flip
    assert is_signed(body, secret=SECRET, sha256=signature, sha1=None)
    assert not is_signed(bytes(changed), secret=SECRET, sha256=signature, sha1=None)
