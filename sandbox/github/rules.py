"""A branch's rules in GitHub's two languages: classic protection, and rulesets."""

from flask import Blueprint, Response, jsonify

from sandbox.forge import NoSuchThing, SandboxForge
from sandbox.github.answers import SLUG, Build, problem
from sandbox.github.payloads import Json, Payloads
from sandbox.model import Protection, Repo


def add_rules(api: Blueprint, forge: SandboxForge, build: Build) -> None:
    """Add the routes."""

    @api.get(f"/repos/{SLUG}/branches/<path:branch>/protection")
    def _protection(owner: str, name: str, branch: str) -> Response:
        repo = forge.repo(f"{owner}/{name}")
        rules = _classic(repo, branch)
        if rules is None:
            return problem(404, "Branch not protected")
        return jsonify(_protected(build(), repo, branch, rules))

    @api.get(f"/repos/{SLUG}/branches/<path:branch>")
    def _branch(owner: str, name: str, branch: str) -> Response:
        repo = forge.repo(f"{owner}/{name}")
        sha = repo.git.sha(f"refs/heads/{branch}")
        if sha is None:
            raise NoSuchThing(branch)
        url = f"{build().api}/repos/{repo.full_name}/branches/{branch}"
        return jsonify(
            {
                "name": branch,
                "commit": build().commit(repo, sha),
                "_links": {"html": url, "self": url},
                "protected": branch in repo.protections,
                "protection": {"enabled": _classic(repo, branch) is not None},
                "protection_url": f"{url}/protection",
            }
        )

    @api.get(f"/repos/{SLUG}/rules/branches/<path:branch>")
    def _rules(owner: str, name: str, branch: str) -> Response:
        repo = forge.repo(f"{owner}/{name}")
        rules = repo.protections.get(branch)
        return jsonify(_ruleset(repo, rules) if rules is not None and rules.in_ruleset else [])


def _classic(repo: Repo, branch: str) -> Protection | None:
    rules = repo.protections.get(branch)
    return None if rules is None or rules.in_ruleset else rules


def _protected(payloads: Payloads, repo: Repo, branch: str, rules: Protection) -> Json:
    url = f"{payloads.api}/repos/{repo.full_name}/branches/{branch}/protection"
    found: Json = {"url": url, "enforce_admins": {"url": f"{url}/enforce_admins", "enabled": False}}
    if rules.contexts:
        found["required_status_checks"] = {
            "url": f"{url}/required_status_checks",
            "strict": rules.strict,
            "contexts": list(rules.contexts),
            "contexts_url": f"{url}/required_status_checks/contexts",
            "checks": [{"context": context, "app_id": None} for context in rules.contexts],
        }
    if rules.approvals:
        found["required_pull_request_reviews"] = {
            "url": f"{url}/required_pull_request_reviews",
            "dismiss_stale_reviews": False,
            "require_code_owner_reviews": False,
            "required_approving_review_count": rules.approvals,
            "require_last_push_approval": False,
        }
    return found


def _ruleset(repo: Repo, rules: Protection) -> list[Json]:
    """Write the same rules as one ruleset of the repository, beside one that has no bearing on a merge."""
    source: Json = {"ruleset_source_type": "Repository", "ruleset_source": repo.full_name, "ruleset_id": repo.id}
    found: list[Json] = [{"type": "deletion"}]
    if rules.contexts:
        checks = [{"context": context} for context in rules.contexts]
        wanted = {"required_status_checks": checks, "strict_required_status_checks_policy": rules.strict}
        found.append({"type": "required_status_checks", "parameters": wanted})
    if rules.approvals:
        demands = {
            "required_approving_review_count": rules.approvals,
            "dismiss_stale_reviews_on_push": False,
            "require_code_owner_review": False,
            "require_last_push_approval": False,
            "required_review_thread_resolution": False,
        }
        found.append({"type": "pull_request", "parameters": demands})
    return [rule | source for rule in found]
