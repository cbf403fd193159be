"""Flags of Atlantis that say which forges there are, and with which credentials."""

from server.atlantis.outcomes import (
    Becomes,
    Flag,
    NotNeeded,
    NotYet,
    PartOf,
    Replaced,
    Value,
    number,
    same,
    secret,
    switch,
    text,
)


def login(value: Value) -> str:
    """Take the `@` off an account's name, as Atlantis does."""
    return str(value).removeprefix("@")


def github_api(value: Value) -> str:
    """Give the API's address for the host of GitHub's pages."""
    host = _address(value).rstrip("/")
    scheme, _, name = host.partition("://")
    if name.lower() in {"github.com", "api.github.com"}:
        return "https://api.github.com"
    if name.lower().endswith(".ghe.com"):
        return f"{scheme}://api.{name.removeprefix('api.')}"
    return f"{host}/api/v3"


def address(value: Value) -> str:
    """Give a host its scheme, if it has none."""
    return _address(value).rstrip("/")


def _address(value: Value) -> str:
    host = str(value).strip()
    return host if "://" in host or not host else f"https://{host}"


def app_id(value: Value) -> str:
    """Spell an App's id; 0 is Atlantis's word for none."""
    return same(value) if value else ""


_TEAMS = (
    "One list for all forges, in the same words; a team is named by its slug, a group by its full path. "
    "`commenters` in the server file has to let somebody as well."
)
_STAY = "Keep Atlantis for these repositories."
_GITEA = NotYet("There is no Gitea among Thera's forges.", _STAY)
_BITBUCKET = NotYet("There is no Bitbucket among Thera's forges.", _STAY)
_AZURE = NotYet("There is no Azure DevOps among Thera's forges.", _STAY)

GITHUB: tuple[Flag, ...] = (
    switch(
        "gh-allow-mergeable-bypass-apply",
        NotNeeded("`mergeable` always leaves Thera's own statuses aside, so a required `apply` status blocks nothing."),
    ),
    number("gh-app-id", 0, Becomes(setting="github_app_id", convert=app_id)),
    number(
        "gh-app-installation-id",
        0,
        NotNeeded("One App serves all owners that installed it: the installation is asked of GitHub for each."),
    ),
    secret("gh-app-key", Becomes(setting="github_app_key")),
    text("gh-app-key-file", "", Becomes(setting="github_app_key", as_file=True)),
    text("gh-app-slug", "", NotNeeded("The App's name is asked of GitHub.")),
    text(
        "gh-hostname",
        "github.com",
        Becomes(setting="github_url", convert=github_api, note="The API's address: `https://<host>/api/v3`."),
    ),
    text("gh-org", "", Replaced(by="the set-up page", reason="It asks for the organisation when it makes an App.")),
    text("gh-team-allowlist", "", PartOf(settings=("team_allowlist",), note=_TEAMS)),
    secret("gh-token", Becomes(setting="github_token")),
    text("gh-token-file", "", Becomes(setting="github_token", as_file=True)),
    text("gh-user", "", Becomes(setting="github_user", convert=login)),
    secret("gh-webhook-secret", Becomes(setting="github_webhook_secret", note="Required here.")),
)

GITLAB: tuple[Flag, ...] = (
    text("gitlab-group-allowlist", "", PartOf(settings=("team_allowlist",), note=_TEAMS)),
    text("gitlab-hostname", "gitlab.com", Becomes(setting="gitlab_url", convert=address)),
    switch(
        "gitlab-status-retry-enabled",
        NotNeeded("A status that GitLab does not take is sent again until it does."),
    ),
    secret("gitlab-token", Becomes(setting="gitlab_token")),
    text("gitlab-user", "", Becomes(setting="gitlab_user", convert=login)),
    secret("gitlab-webhook-secret", Becomes(setting="gitlab_webhook_secret", note="Required here.")),
)

OTHERS: tuple[Flag, ...] = (
    text("azuredevops-hostname", "dev.azure.com", _AZURE),
    secret("azuredevops-token", _AZURE),
    text("azuredevops-user", "", _AZURE),
    secret("azuredevops-webhook-password", _AZURE),
    text("azuredevops-webhook-user", "", _AZURE),
    text("bitbucket-api-user", "", _BITBUCKET),
    text("bitbucket-base-url", "https://api.bitbucket.org", _BITBUCKET),
    secret("bitbucket-token", _BITBUCKET),
    text("bitbucket-user", "", _BITBUCKET),
    secret("bitbucket-webhook-secret", _BITBUCKET),
    text("gitea-base-url", "https://gitea.com", _GITEA),
    number("gitea-page-size", 30, _GITEA),
    secret("gitea-token", _GITEA),
    text("gitea-user", "", _GITEA),
    secret("gitea-webhook-secret", _GITEA),
)
