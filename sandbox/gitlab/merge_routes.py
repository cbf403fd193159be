"""GitLab's REST routes: merge requests.

Documented at docs.gitlab.com/api/merge_requests; refusals by `lib/api/merge_requests.rb` of GitLab.
"""

import re
from datetime import datetime

from flask import Blueprint, Response, g, jsonify, request

from sandbox.forge import NotPossible
from sandbox.gitlab.access import find_repo, me, need, readable, the_pull, visible
from sandbox.gitlab.answers import Json, Refused, asked, created, flag, invalid, needed, paged
from sandbox.gitlab.commit_json import commit_json
from sandbox.gitlab.diffs import diffs
from sandbox.gitlab.merge_json import merge_request_basic, merge_request_json, state_of
from sandbox.gitlab.merging import Wish, may_merge, merge
from sandbox.gitlab.people import person
from sandbox.gitlab.pipeline_json import pipeline_basic
from sandbox.gitlab.pipelines import pull_pipelines
from sandbox.gitlab.state import DEVELOPER, REPORTER, GitLab
from sandbox.model import Pull, Repo

_DRAFT = re.compile(r"\A\s*(?:draft\s*:\s*|\[draft\]\s*|\(draft\)\s*)+", re.IGNORECASE)
_UPDATES = {"title", "target_branch", "state_event", "description", "labels", "add_labels", "remove_labels", "squash"}
_IGNORED = {"assignee_id", "assignee_ids", "reviewer_ids", "milestone_id", "remove_source_branch", "discussion_locked"}


def add_merge_requests(api: Blueprint, hub: GitLab) -> None:
    """Add the routes of merge requests."""

    def shape(repo: Repo, pull: Pull) -> Json:
        found = merge_request_json(
            hub,
            g.links,
            repo,
            pull,
            can_merge=may_merge(hub, repo, g.login),
            count_diverged=bool(flag("include_diverged_commits_count")),
        )
        hub.looked_at(repo, pull)
        return found

    @api.get("/projects/<part:project>/merge_requests")
    def _merge_requests(project: str) -> Response:
        repo = readable(hub, project)
        return paged([merge_request_basic(hub, g.links, repo, pull) for pull in _selected(repo)])

    @api.post("/projects/<part:project>/merge_requests")
    def _open_merge_request(project: str) -> Response:
        source = visible(hub, project)
        login = need(hub, source, DEVELOPER if source.private else REPORTER)
        repo = find_repo(hub.forge, str(asked().get("target_project_id", source.id))) or source
        pull = _opened(hub, source, repo, login)
        return created(shape(repo, pull))

    @api.get("/projects/<part:project>/merge_requests/<int:number>")
    def _merge_request(project: str, number: int) -> Response:
        repo = readable(hub, project)
        return jsonify(shape(repo, the_pull(repo, number)))

    @api.put("/projects/<part:project>/merge_requests/<int:number>")
    def _update_merge_request(project: str, number: int) -> Response:
        repo = readable(hub, project)
        pull, login = the_pull(repo, number), me()
        if login != pull.author:
            need(hub, repo, DEVELOPER)
        if not asked().keys() & (_UPDATES | _IGNORED):
            names = ", ".join(sorted(_UPDATES | _IGNORED))
            raise invalid(f"{names} are missing, at least one parameter must be provided")
        return jsonify(shape(repo, _updated(hub, repo, pull, login)))


def add_merging(api: Blueprint, hub: GitLab) -> None:
    """Add the routes of merging."""

    def shape(repo: Repo, pull: Pull) -> Json:
        return merge_request_json(hub, g.links, repo, pull, can_merge=may_merge(hub, repo, g.login))

    @api.put("/projects/<part:project>/merge_requests/<int:number>/merge")
    def _merge_merge_request(project: str, number: int) -> Response:
        repo = readable(hub, project)
        pull = the_pull(repo, number)
        merge(hub, repo, pull, me(), _wish())
        return jsonify(shape(repo, pull))

    @api.post("/projects/<part:project>/merge_requests/<int:number>/cancel_merge_when_pipeline_succeeds")
    def _cancel_auto_merge(project: str, number: int) -> Response:
        repo = readable(hub, project)
        pull = the_pull(repo, number)
        if not may_merge(hub, repo, me()):
            raise Refused(401, "401 Unauthorized")
        hub.talk(repo, pull).auto_merge = None
        return created(shape(repo, pull))


def _wish() -> Wish:
    return Wish(
        sha=asked().get("sha"),
        auto=bool(flag("auto_merge") or flag("merge_when_pipeline_succeeds")),
        squash=bool(flag("squash")),
        message=str(asked().get("merge_commit_message") or ""),
        remove_source_branch=bool(flag("should_remove_source_branch")),
    )


def _selected(repo: Repo) -> list[Pull]:
    """Filter and sort as the query asks."""
    words = request.args
    state = words.get("state", "all")
    if state not in {"opened", "closed", "locked", "merged", "all"}:
        raise invalid("state does not have a valid value")
    iids = {one for one in words.getlist("iids[]") + words.get("iids", "").split(",") if one}
    after, before = _time("updated_after"), _time("updated_before")
    labels = [label for label in words.get("labels", "").split(",") if label]
    found = [
        pull
        for pull in repo.pulls.values()
        if state in {"all", state_of(pull)}
        and (not iids or str(pull.number) in iids)
        and words.get("source_branch") in {None, pull.head_ref}
        and words.get("target_branch") in {None, pull.base_ref}
        and words.get("author_username") in {None, pull.author}
        and (after is None or pull.updated_at >= after)
        and (before is None or pull.updated_at <= before)
        and set(labels) <= set(pull.labels)
    ]
    by_update = words.get("order_by") == "updated_at"
    found.sort(
        key=lambda pull: (pull.updated_at if by_update else pull.created_at, pull.number),
        reverse=words.get("sort", "desc") != "asc",
    )
    return found


def _time(name: str) -> datetime | None:
    given = request.args.get(name)
    if not given:
        return None
    try:
        found = datetime.fromisoformat(given.replace("Z", "+00:00").replace(" ", "+"))
    except ValueError as error:
        raise invalid(f"{name} is invalid") from error
    return found if found.tzinfo else found.astimezone()


def _opened(hub: GitLab, source: Repo, repo: Repo, login: str) -> Pull:
    title, head, base = (str(needed(name)) for name in ("title", "source_branch", "target_branch"))
    twin = next(
        (
            pull
            for pull in repo.pulls.values()
            if pull.state == "open" and (pull.head_repo, pull.head_ref, pull.base_ref) == (source.full_name, head, base)
        ),
        None,
    )
    if twin:
        raise Refused(409, [f"Another open merge request already exists for this source branch: !{twin.number}"])
    if source is repo and head == base:
        raise Refused(422, ["You can't use same project/branch for source and target"])
    draft = _DRAFT.match(title)
    try:
        number = hub.forge.open_pull(
            repo.full_name,
            head=head,
            base=base,
            title=_DRAFT.sub("", title),
            body=str(asked().get("description") or ""),
            draft=bool(draft),
            author=login,
            head_repo=source.full_name,
        )
    except NotPossible as error:
        gone = [] if source.git.sha(f"refs/heads/{head}") else [f'Source branch "{head}" does not exist']
        gone += [] if repo.git.sha(f"refs/heads/{base}") else [f'Target branch "{base}" does not exist']
        raise Refused(400, {"validate_branches": gone}) from error
    pull = repo.pulls[number]
    if "labels" in asked():
        pull.labels = _words(asked()["labels"])
    return pull


def _words(given: object) -> list[str]:
    words = given if isinstance(given, list) else str(given).split(",")
    return list(dict.fromkeys(str(word).strip() for word in words if str(word).strip()))


def _updated(hub: GitLab, repo: Repo, pull: Pull, login: str) -> Pull:
    words = asked()
    changes: Json = {}
    if "title" in words:
        if not str(words["title"]).strip():
            raise invalid("title is empty")
        changes |= {"title": _DRAFT.sub("", str(words["title"])), "draft": bool(_DRAFT.match(str(words["title"])))}
    if "description" in words:
        changes["body"] = str(words["description"] or "")
    if "target_branch" in words:
        if repo.git.sha(f"refs/heads/{words['target_branch']}") is None:
            raise Refused(400, {"base": [f'Target branch "{words["target_branch"]}" does not exist']})
        changes["base_ref"] = str(words["target_branch"])
    if "state_event" in words:
        if words["state_event"] not in {"close", "reopen"}:
            raise invalid("state_event does not have a valid value")
        if not pull.merged_at:
            changes["state"] = "closed" if words["state_event"] == "close" else "open"
    if words.keys() & {"labels", "add_labels", "remove_labels"}:
        kept = _words(words["labels"]) if "labels" in words else pull.labels + _words(words.get("add_labels", ""))
        gone = set(_words(words.get("remove_labels", "")))
        changes["labels"] = [label for label in dict.fromkeys(kept) if label not in gone]
    return hub.forge.change_pull(repo.full_name, pull.number, login, **changes)


def add_merge_request_parts(api: Blueprint, hub: GitLab) -> None:
    """Add the routes of what a merge request changes and runs."""

    @api.get("/projects/<part:project>/merge_requests/<int:number>/diffs")
    def _merge_request_diffs(project: str, number: int) -> Response:
        repo = readable(hub, project)
        return paged(_changed(repo, the_pull(repo, number)))

    @api.get("/projects/<part:project>/merge_requests/<int:number>/changes")
    def _merge_request_changes(project: str, number: int) -> Response:
        repo = readable(hub, project)
        pull = the_pull(repo, number)
        alone = merge_request_json(hub, g.links, repo, pull, can_merge=may_merge(hub, repo, g.login))
        return jsonify({**alone, "changes": _changed(repo, pull), "overflow": False})

    @api.get("/projects/<part:project>/merge_requests/<int:number>/commits")
    def _merge_request_commits(project: str, number: int) -> Response:
        repo = readable(hub, project)
        pull = the_pull(repo, number)
        start, head = _ends(repo, pull)
        shas = repo.git.git("rev-list", f"{start}..{head}").split()
        return paged([commit_json(g.links, repo, sha) for sha in shas])

    @api.get("/projects/<part:project>/merge_requests/<int:number>/pipelines")
    def _merge_request_pipelines(project: str, number: int) -> Response:
        repo = readable(hub, project)
        found = pull_pipelines(hub, repo, the_pull(repo, number))
        return paged([pipeline_basic(g.links, repo, one) for one in found])

    @api.get("/projects/<part:project>/merge_requests/<int:number>/participants")
    def _participants(project: str, number: int) -> Response:
        repo = readable(hub, project)
        pull = the_pull(repo, number)
        logins = dict.fromkeys([pull.author, *(one.author for one in pull.comments)])
        return paged([person(hub, g.links, login) for login in logins])


def _ends(repo: Repo, pull: Pull) -> tuple[str, str]:
    base = f"{pull.merge_sha}^1" if pull.merge_sha else f"refs/heads/{pull.base_ref}"
    return repo.git.git("merge-base", base, pull.head_sha), pull.head_sha


def _changed(repo: Repo, pull: Pull) -> list[Json]:
    return diffs(repo, *_ends(repo, pull))
