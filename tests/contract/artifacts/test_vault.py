"""A sealed plan opens as what it was sealed as, with the right key, unchanged; otherwise not at all."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.artifacts.base import ArtifactStore
from server.artifacts.crypto import CannotOpen, Keyring, canonical
from server.artifacts.store import open_store
from server.artifacts.vault import PlanVault
from server.domain.errors import Refused, UserMistake

BINDING = {"repo": "github.com/acme/infra", "pull": 7, "head": "a" * 40, "dir": "prod", "name": None}


@dataclass(frozen=True)
class Row:
    store_key: str = "plans/p/a"
    binding: Mapping[str, Any] = field(default_factory=lambda: BINDING)
    sha256: str = ""
    size: int = 0

    def holding(self, *, sha256: str, size: int) -> Self:
        return replace(self, sha256=sha256, size=size)


@pytest.fixture
def place() -> ArtifactStore:
    return open_store("memory://")


def test_a_plan_comes_back_and_is_not_readable_where_it_lies(place: ArtifactStore) -> None:
    vault = PlanVault(place, Keyring("secret"))
    row = vault.seal(Row(), b"the plan with a password")

    assert (vault.open(row), row.size) == (b"the plan with a password", 24)
    assert b"password" not in place.get(row.store_key)


@pytest.mark.parametrize("name", sorted(BINDING))
def test_a_plan_bound_to_anything_else_is_refused(place: ArtifactStore, name: str) -> None:
    vault = PlanVault(place, Keyring("secret"))
    row = vault.seal(Row(), b"plan")

    with pytest.raises(CannotOpen, match="something else"):
        vault.open(replace(row, binding={**BINDING, name: "other"}))


def test_a_plan_put_in_anothers_place_is_refused(place: ArtifactStore) -> None:
    vault = PlanVault(place, Keyring("secret"))
    old = vault.seal(Row(), b"old plan")
    vault.seal(Row(), b"new plan")

    with pytest.raises(CannotOpen, match="not the one"):
        vault.open(old)


def test_a_plan_that_is_gone_is_refused_in_plain_words(place: ArtifactStore) -> None:
    vault = PlanVault(place, Keyring("secret"))
    row = vault.seal(Row(), b"plan")
    vault.delete(row)
    vault.delete(row)

    with pytest.raises(Refused, match=r"gone.*Plan again"):
        vault.open(row)


def test_a_new_key_opens_what_an_older_one_sealed_but_seals_with_itself() -> None:
    old = Keyring("old").seal(b"plan", BINDING)
    both = Keyring("new", "old")

    assert both.open(old, BINDING) == b"plan"
    assert Keyring("new").open(both.seal(b"plan", BINDING), BINDING) == b"plan"
    with pytest.raises(CannotOpen, match="another SECRET_KEY"):
        Keyring("new").open(old, BINDING)


@given(content=st.binary(max_size=64), at=st.integers(min_value=0), flip=st.integers(1, 255))
def test_no_byte_can_be_changed_unnoticed(content: bytes, at: int, flip: int) -> None:
    keyring = Keyring("secret")
    sealed = bytearray(keyring.seal(content, BINDING))
    sealed[at % len(sealed)] ^= flip

    with pytest.raises(CannotOpen):
        keyring.open(bytes(sealed), BINDING)


@given(st.binary(max_size=80))
def test_rubbish_is_refused_and_never_crashes(rubbish: bytes) -> None:
    with pytest.raises(CannotOpen):
        Keyring("secret").open(rubbish, BINDING)


def test_a_binding_is_the_same_in_any_order() -> None:
    assert canonical(BINDING) == canonical(dict(reversed(BINDING.items())))


def test_a_keyring_shows_no_key_and_needs_one() -> None:
    assert "secret" not in repr(Keyring("secret", "older"))
    with pytest.raises(UserMistake):
        Keyring("")
