"""What GitHub says about a branch's rules and a commit's checks, read and put into the words of `github_rules`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from github.GithubException import GithubException
from github.Requester import Requester

from server.domain.refs import PullRef, RepoRef
from server.forges.github_rules import Check, RequiredCheck, Rules

_PER_PAGE, _PAGES = 100, 20
_UNREADABLE = frozenset({403, 404})
_ABSENT = 404
# These rules speak of branches made, removed or rewritten, of pushes, or of how to merge: none keeps a pull from it.
_NO_BEARING = frozenset(
    {
        "creation",
        "deletion",
        "non_fast_forward",
        "required_linear_history",
        "merge_queue",
        "copilot_code_review",
        "tag_name_pattern",
        "file_path_restriction",
        "file_extension_restriction",
        "max_file_path_length",
        "max_file_size",
    }
)
_DECISION = """
query($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      reviewDecision
      reviewThreads(first: 100) { nodes { isResolved } pageInfo { hasNextPage } }
    }
  }
}
"""
Json = Mapping[str, Any]


def read_rules(requester: Requester, repo: RepoRef, branch: str) -> Rules:
    """Read classic protection and rulesets of a branch; what the token may not read is told in `Rules.hidden`."""
    path = f"/repos/{repo.full_name}"
    classic, hidden = _classic(requester, f"{path}/branches/{quote(branch)}", branch)
    try:
        rulesets = list(pages(requester, f"{path}/rules/branches/{quote(branch)}"))
    except GithubException as error:
        if error.status not in _UNREADABLE:
            raise
        rulesets = []  # an older Enterprise Server has none, and answers 404
        if error.status != _ABSENT and not _is_not_sold(error):
            hidden = hidden or f"the token may not read the rulesets of `{branch}` (Metadata: read)"
    return rules_of(classic, rulesets, hidden=hidden)


def _classic(requester: Requester, path: str, branch: str) -> tuple[Json, str]:
    """Read classic protection, which takes an administrator's eyes; others see its required checks."""
    seen: Json = requester.requestJsonAndCheck("GET", path)[1]
    if not seen.get("protected", True):
        return {}, ""
    try:
        protection: Json = requester.requestJsonAndCheck("GET", f"{path}/protection")[1]
    except GithubException as error:
        if error.status not in _UNREADABLE:
            raise
        summary: Json = seen.get("protection") or {}
        if _said(error) == "branch not protected" or _is_not_sold(error) or summary.get("enabled") is False:
            return {}, ""
        return summary, f"the token may not read the branch protection of `{branch}` (Administration: read)"
    return protection, ""


def _said(error: GithubException) -> str:
    return str(error.data.get("message", "")).lower() if isinstance(error.data, dict) else ""


def _is_not_sold(error: GithubException) -> bool:
    """Say whether the owner's plan has no rules at all for private repositories."""
    return _said(error).startswith("upgrade to github")


def rules_of(classic: Json, rulesets: Sequence[Json], *, hidden: str = "") -> Rules:
    """Put both kinds of rules together: what any of them demands is demanded."""
    found = [_from_classic(classic, hidden=hidden), *map(_from_ruleset, rulesets)]
    return Rules(
        checks=frozenset().union(*(rules.checks for rules in found)),
        approvals=max(rules.approvals for rules in found),
        reviews=any(rules.reviews for rules in found),
        exact_reviews=any(rules.exact_reviews for rules in found),
        up_to_date=any(rules.up_to_date for rules in found),
        resolved_conversations=any(rules.resolved_conversations for rules in found),
        unjudged=frozenset().union(*(rules.unjudged for rules in found)),
        hidden=hidden,
    )


def _from_classic(protection: Json, *, hidden: str) -> Rules:
    checks: Json = protection.get("required_status_checks") or {}
    reviews: Json | None = protection.get("required_pull_request_reviews")
    bound = {check["context"]: _app(check.get("app_id")) for check in checks.get("checks") or ()}
    contexts = {*bound, *(checks.get("contexts") or ())}
    switches = {"required_signatures": "signed commits", "lock_branch": "locked branch"}
    return Rules(
        checks=frozenset(RequiredCheck(context=context, app_id=bound.get(context)) for context in contexts),
        approvals=(reviews or {}).get("required_approving_review_count") or 0,
        reviews=reviews is not None,
        exact_reviews=_wants_certain_reviewers(reviews or {}),
        up_to_date=bool(checks.get("strict")),
        resolved_conversations=_is_on(protection, "required_conversation_resolution"),
        unjudged=frozenset(name for key, name in switches.items() if _is_on(protection, key)),
        hidden=hidden,
    )


def _from_ruleset(rule: Json) -> Rules:
    kind, parameters = str(rule.get("type")), rule.get("parameters") or {}
    if kind == "required_status_checks":
        checks = parameters.get("required_status_checks") or ()
        return Rules(
            checks=frozenset(
                RequiredCheck(context=check["context"], app_id=_app(check.get("integration_id"))) for check in checks
            ),
            up_to_date=bool(parameters.get("strict_required_status_checks_policy")),
        )
    if kind == "pull_request":
        return Rules(
            approvals=parameters.get("required_approving_review_count") or 0,
            reviews=True,
            exact_reviews=_wants_certain_reviewers(parameters),
            resolved_conversations=bool(parameters.get("required_review_thread_resolution")),
        )
    return Rules() if kind in _NO_BEARING else Rules(unjudged=frozenset({kind}))


def _wants_certain_reviewers(demands: Json) -> bool:
    names = ("require_code_owner_reviews", "require_code_owner_review", "require_last_push_approval")
    return any(demands.get(name) for name in names) or any(
        reviewer.get("minimum_approvals") for reviewer in demands.get("required_reviewers") or ()
    )


def _app(given: int | None) -> int | None:
    return given if given and given > 0 else None  # GitHub writes -1 for "any source"


def _is_on(protection: Json, name: str) -> bool:
    return bool((protection.get(name) or {}).get("enabled"))


def read_checks(requester: Requester, repo: RepoRef, sha: str) -> list[Check]:
    """Read every status and check run of a commit; the same name may be there more than once."""
    path = f"/repos/{repo.full_name}/commits/{sha}"
    statuses = pages(requester, f"{path}/status", item="statuses")
    found = [Check(context=status["context"], state=status["state"]) for status in statuses]
    for run in pages(requester, f"{path}/check-runs", item="check_runs"):
        state, app = run.get("conclusion") or run["status"], run.get("app") or {}
        found.append(Check(context=run["name"], state=state, app_id=app.get("id")))
    return found


def read_decision(requester: Requester, pull: PullRef) -> tuple[str, bool | None]:
    """Ask GitHub's own word on reviews and conversations, which only GraphQL has; nothing where it has none for us."""
    variables = {"owner": pull.repo.owner, "name": pull.repo.name, "number": pull.number}
    try:
        data: Any = requester.graphql_query(_DECISION, variables)[1]
    except GithubException as error:
        if error.status not in {400, *_UNREADABLE}:
            raise
        return "", None
    found = data["data"]["repository"]["pullRequest"]
    threads = found["reviewThreads"]
    if not all(thread["isResolved"] for thread in threads["nodes"]):
        return found["reviewDecision"] or "", True
    return found["reviewDecision"] or "", None if threads["pageInfo"]["hasNextPage"] else False


def pages(requester: Requester, path: str, *, item: str | None = None) -> Iterator[dict[str, Any]]:
    """Read a list page by page, or the list under a name of each page."""
    for page in range(1, _PAGES + 1):
        data = requester.requestJsonAndCheck("GET", path, parameters={"per_page": _PER_PAGE, "page": page})[1]
        found = data[item] if item else data
        yield from found
        if len(found) < _PER_PAGE:
            return
