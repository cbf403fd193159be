"""GitLab's REST routes: approvals.

Shapes and refusals: docs.gitlab.com/api/merge_request_approvals ("Get configuration", "Get the approval state of
merge requests", "Approve merge request"); who may not approve, has approved already or has not gets 401, as there.
"""

from flask import Blueprint, Response, g, jsonify

from sandbox.gitlab.access import me, readable, the_pull
from sandbox.gitlab.answers import Json, Refused, absent, asked, created
from sandbox.gitlab.judge import approvals_left, approvers, merge_status, rules_of
from sandbox.gitlab.merge_json import state_of, title_of
from sandbox.gitlab.people import person
from sandbox.gitlab.state import DEVELOPER, GitLab, Rule
from sandbox.gitlab.times import moment
from sandbox.model import Pull, Repo

_MR = "/projects/<part:project>/merge_requests/<int:number>"


def may_approve(hub: GitLab, repo: Repo, pull: Pull, login: str | None) -> bool:
    """Say whether somebody's approval would count: a developer's, and the author's only if the project says so."""
    settings = hub.project(repo).settings
    if hub.level(repo, login) < DEVELOPER or login in approvers(hub, pull):
        return False
    return settings.merge_requests_author_approval or login != pull.author


def approvals_json(hub: GitLab, repo: Repo, pull: Pull) -> Json:
    """The approvals of a merge request."""
    given, rules = approvers(hub, pull), rules_of(hub, repo, pull)
    when = {review.author: moment(review.submitted_at) for review in pull.reviews if review.state == "APPROVED"}
    left = approvals_left(hub, repo, pull)
    missing = [rule for rule in rules if len(rule.given(given)) < rule.required]
    return {
        "id": pull.id,
        "iid": pull.number,
        "project_id": repo.id,
        "title": title_of(pull),
        "description": pull.body,
        "state": state_of(pull),
        "created_at": moment(pull.created_at),
        "updated_at": moment(pull.updated_at),
        "merge_status": merge_status(hub, repo, pull),
        "approved": not left,
        "approvals_required": sum(rule.required for rule in rules),
        "approvals_left": left,
        "require_password_to_approve": False,
        "require_reauthentication_to_approve": False,
        "approved_by": [{"user": person(hub, g.links, one), "approved_at": when[one]} for one in given],
        "suggested_approvers": [],
        "approvers": [],
        "approver_groups": [],
        "user_has_approved": g.login in given,
        "user_can_approve": may_approve(hub, repo, pull, g.login),
        "approval_rules_left": [{"id": one.id, "name": one.name, "rule_type": _kind(one)} for one in missing],
        "has_approval_rules": bool(rules),
        "merge_request_approvers_available": True,
        "multiple_approval_rules_available": True,
        "invalid_approvers_rules": [],
    }


def _kind(rule: Rule) -> str:
    return "code_owner" if rule.code_owner else "regular" if rule.approvers else "any_approver"


def _rule(hub: GitLab, pull: Pull, rule: Rule) -> Json:
    given = rule.given(approvers(hub, pull))
    people = [person(hub, g.links, one) for one in rule.approvers]
    return {
        "id": rule.id,
        "name": rule.name,
        "rule_type": _kind(rule),
        "report_type": None,
        "eligible_approvers": people,
        "approvals_required": rule.required,
        "users": people,
        "groups": [],
        "contains_hidden_groups": False,
        "section": None,
        "source_rule": None,
        "overridden": False,
        "code_owner": rule.code_owner,
        "approved_by": [person(hub, g.links, one) for one in given],
        "approved": len(given) >= rule.required,
    }


def add_approvals(api: Blueprint, hub: GitLab) -> None:
    """Add the routes of approvals."""

    @api.get(f"{_MR}/approvals")
    def _approvals(project: str, number: int) -> Response:
        repo = readable(hub, project)
        return jsonify(approvals_json(hub, repo, the_pull(repo, number)))

    @api.get(f"{_MR}/approval_state")
    def _approval_state(project: str, number: int) -> Response:
        repo = readable(hub, project)
        pull = the_pull(repo, number)
        rules = [_rule(hub, pull, rule) for rule in rules_of(hub, repo, pull)]
        return jsonify({"approval_rules_overwritten": False, "rules": rules})

    @api.post(f"{_MR}/approve")
    def _approve(project: str, number: int) -> Response:
        repo, login = readable(hub, project), me()
        pull = the_pull(repo, number)
        sha = asked().get("sha")
        if sha and sha != pull.head_sha:
            raise Refused(409, f"SHA does not match HEAD of source branch: {pull.head_sha}")
        if pull.merged_at or not may_approve(hub, repo, pull, login):
            raise Refused(401, "401 Unauthorized")
        hub.approve(repo, pull, login)
        return created(approvals_json(hub, repo, pull))

    @api.post(f"{_MR}/unapprove")
    def _unapprove(project: str, number: int) -> Response:
        repo, login = readable(hub, project), me()
        pull = the_pull(repo, number)
        if login not in approvers(hub, pull):
            raise absent()
        hub.unapprove(repo, pull, login)
        return created(approvals_json(hub, repo, pull))
