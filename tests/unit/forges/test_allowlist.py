"""Which repositories may use a server, rule by rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.errors import UserMistake
from server.domain.refs import RepoRef
from server.forges.allowlist import Allowlist

ALLOWED = [
    ("*", "github.com/acme/infra"),
    ("github.com/acme/infra", "github.com/acme/infra"),
    ("github.com/acme/*", "github.com/acme/infra"),
    ("github.com/*", "github.com/acme/infra"),
    ("*/acme/infra", "github.com/acme/infra"),
    ("github.com/*/infra", "github.com/acme/infra"),
    ("github.com/acme/*-infra", "github.com/acme/prod-infra"),
    ("github.com/acme/*", "github.com/acme/group/infra"),
    ("GitHub.com/Acme/INFRA", "github.com/acme/infra"),
    ("github.com/acme/infra", "github.com/Acme/Infra"),
    ("github.com/other/*,github.com/acme/*", "github.com/acme/infra"),
    (" github.com/other/* , github.com/acme/* ,", "github.com/acme/infra"),
    ("ghe.example:8443/acme/*", "ghe.example:8443/acme/infra"),
    ("github.com/acme/*,!github.com/acme/secret", "github.com/acme/infra"),
    ("github.com/acme/infra.*", "github.com/acme/infra.live"),
    ("github.com/acme/[ab]", "github.com/acme/[ab]"),
]
REFUSED = [
    ("", "github.com/acme/infra"),
    (" , ,", "github.com/acme/infra"),
    ("github.com/acme/infra", "github.com/acme/infra2"),
    ("github.com/acme/infra", "github.com/acme/my-infra"),
    ("github.com/acme/infra", "github.com/acme/infra/more"),
    ("github.com/acme", "github.com/acme/infra"),
    ("github.com/acme/*", "github.com/acme-evil/infra"),
    ("github.com/acme/*", "github.com.evil.example/acme/infra"),
    ("github.com/acme/*", "evil.example/github.com/acme/infra"),
    ("github.com/acme/*", "ghe.example/acme/infra"),
    ("ghe.example/acme/*", "ghe.example:8443/acme/infra"),
    ("github.com/acme/infra.live", "github.com/acme/infra-live"),
    ("github.com/acme/[ab]", "github.com/acme/a"),
    ("github.com/acme/infr?", "github.com/acme/infra"),
    ("github.com/acme/infra", "github.com/acme/infra\n"),
    ("*,!github.com/acme/secret", "github.com/acme/secret"),
    ("!github.com/acme/secret,*", "github.com/acme/secret"),
    ("*,!github.com/acme/SECRET", "github.com/Acme/secret"),
    ("*,! github.com/acme/secret", "github.com/acme/secret"),
    ("*,!*", "github.com/acme/infra"),
    ("!github.com/acme/secret", "github.com/acme/infra"),
]


@pytest.mark.parametrize(("rules", "repo"), ALLOWED)
def test_allowed(rules: str, repo: str) -> None:
    assert Allowlist.parse(rules).allows(RepoRef.parse(repo))


@pytest.mark.parametrize(("rules", "repo"), REFUSED)
def test_refused(rules: str, repo: str) -> None:
    assert not Allowlist.parse(rules).allows(RepoRef.parse(repo))


def test_rules_may_come_as_a_list() -> None:
    allowlist = Allowlist.parse(["github.com/acme/*", "!github.com/acme/secret"])
    assert allowlist.allows(RepoRef("github.com", "acme/infra"))
    assert not allowlist.allows(RepoRef("github.com", "acme/secret"))


@pytest.mark.parametrize("rule", ["https://github.com/acme/*", "!ssh://github.com/acme/infra"])
def test_a_scheme_is_a_mistake_that_names_the_setting(rule: str) -> None:
    with pytest.raises(UserMistake, match="THERA_REPO_ALLOWLIST"):
        Allowlist.parse(f"github.com/acme/*,{rule}")


NAMES = st.text(st.characters(exclude_characters=",*!/ ", exclude_categories=("Z", "C")), min_size=1, max_size=12)


@given(owner=NAMES, name=NAMES, other=NAMES)
def test_a_rule_without_a_star_allows_its_repository_and_no_other(owner: str, name: str, other: str) -> None:
    allowlist = Allowlist.parse(f"github.com/{owner}/{name}")
    assert allowlist.allows(RepoRef("github.com", f"{owner}/{name}"))
    assert allowlist.allows(RepoRef("github.com", f"{owner}/{other}")) == (other.lower() == name.lower())
