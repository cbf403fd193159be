"""A program names a repository by its forge's kind; which host is meant has to be clear."""

import pytest

from server.domain.errors import UserMistake
from server.forges.config import ForgeConfig
from server.forges.registry import Forges


def forges(*urls: str) -> Forges:
    return Forges([ForgeConfig(kind="github", url=url, token="x", webhook_secret="y") for url in urls])


PUBLIC, OWN = "https://api.github.com", "https://git.example.com/api/v3"


@pytest.mark.parametrize("kind", ["Github", "github", "GITHUB"])
def test_the_only_host_of_a_kind_is_meant(kind: str) -> None:
    assert str(forges(PUBLIC).repo_named(kind, "acme/infra")) == "github.com/acme/infra"


def test_several_credentials_for_one_host_are_one_host() -> None:
    assert str(forges(PUBLIC, PUBLIC).repo_named("github", "acme/infra")) == "github.com/acme/infra"


def test_a_host_may_be_named_and_has_to_be_where_there_are_two() -> None:
    both = forges(PUBLIC, OWN)

    assert str(both.repo_named("github", "git.example.com/acme/infra")) == "git.example.com/acme/infra"
    with pytest.raises(UserMistake, match=r"git\.example\.com/acme/infra or github\.com/acme/infra"):
        both.repo_named("github", "acme/infra")


def test_a_kind_that_is_not_configured_is_a_mistake() -> None:
    with pytest.raises(UserMistake, match="there are: github"):
        forges(PUBLIC).repo_named("Gitlab", "acme/infra")
    with pytest.raises(UserMistake, match="there are: none"):
        forges().repo_named("Gitlab", "acme/infra")
