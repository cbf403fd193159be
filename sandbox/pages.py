"""The forge's pages: repositories, pulls, and a conversation to take part in."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, render_template, request, url_for
from markdown_it import MarkdownIt
from markupsafe import Markup

from sandbox.forge import NoSuchThing, NotPossible, SandboxForge
from sandbox.gitlab.judge import detailed_merge_status
from sandbox.gitlab.merging import merge_by_hand
from sandbox.gitlab.state import GitLab
from sandbox.model import Pull, Repo

_MARKDOWN = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table").enable("strikethrough")
_ALLOWED = re.compile(r"</?(?:details|summary|sub|br)\s*>", re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def to_html(text: str) -> Markup:
    """Render a comment as a forge does: GFM tables, folds; any other HTML is shown as text."""

    def tame(match: re.Match[str]) -> str:
        return match[0] if _ALLOWED.fullmatch(match[0]) else match[0].replace("<", "&lt;")

    cleaned = _COMMENT.sub("", text)
    inside_code = re.split(r"(```.*?```|`[^`\n]*`)", cleaned, flags=re.DOTALL)
    safe = "".join(part if n % 2 else re.sub(r"<[^>\n]*>?", tame, part) for n, part in enumerate(inside_code))
    return Markup(_MARKDOWN.render(safe))  # noqa: S704  (every tag but the folding ones was made harmless above)


@dataclass(frozen=True)
class Face:
    """A forge's words for a pull, where its page is, and its rules for a merge."""

    name: str
    noun: str
    mark: str
    rule: str
    merge_state: Callable[[Repo, Pull], str]
    merge: Callable[[str, int, str], object]

    def page(self, repo: Repo, pull: Pull) -> str:
        """Give the path of a pull's page."""
        return self.rule.replace("<path:full_name>", repo.full_name).replace("<int:number>", str(pull.number))


def _faces(forge: SandboxForge, hub: GitLab, gitlab_prefix: str) -> dict[str, Face]:
    github = "/<path:full_name>/pull/<int:number>"
    gitlab = f"{gitlab_prefix}/<path:full_name>/-/merge_requests/<int:number>"
    return {
        "github": Face("github", "pull request", "#", github, forge.mergeable_state, forge.merge),
        "gitlab": Face(
            "gitlab", "merge request", "!", gitlab, partial(detailed_merge_status, hub), partial(merge_by_hand, hub)
        ),
    }


def make_pages(forge: SandboxForge, hub: GitLab, *, gitlab_prefix: str = "") -> Blueprint:
    """Make the pages: those of a pull for each face, under the address that the face tells."""
    faces = _faces(forge, hub, gitlab_prefix)
    blueprint = Blueprint(
        "pages",
        __name__,
        template_folder=str(Path(__file__).parent / "templates"),
        static_folder=str(Path(__file__).parent / "static"),
        static_url_path="/static",
    )
    blueprint.add_app_template_filter(to_html, "markdown")

    @blueprint.errorhandler(NoSuchThing)
    def _absent(error: NoSuchThing) -> tuple[str, int]:
        return render_template("absent.html", what=str(error)), 404

    @blueprint.get("/")
    def home() -> str:
        """List repositories and their pulls."""
        repos = sorted(forge.repos.values(), key=lambda repo: repo.full_name)
        return render_template("home.html", repos=repos, faces=faces)

    @blueprint.get("/<owner>/<name>")
    def repository(owner: str, name: str) -> Response:
        """Lead to the list."""
        forge.repo(f"{owner}/{name}")
        return Response("", 302, {"Location": url_for(".home")})

    for face in faces.values():
        _add_pull(blueprint, forge, face)
    return blueprint


def _add_pull(blueprint: Blueprint, forge: SandboxForge, face: Face) -> None:
    @blueprint.get(face.rule, endpoint=f"{face.name}_pull")
    def pull(full_name: str, number: int) -> str:
        """Show a pull's conversation."""
        return render_template("pull.html", **_conversation(forge, face, full_name, number))

    @blueprint.get(f"{face.rule}/version", endpoint=f"{face.name}_version")
    def version(full_name: str, number: int) -> Response:
        """Say whether a page that is open is out of date."""
        found = _conversation(forge, face, full_name, number)
        last = [(one.id, one.updated_at.isoformat(), len(one.reactions)) for one in found["pull"].comments]
        statuses = [(one.context, one.state, one.description) for one in found["statuses"]]
        return Response(str(hash((str(last), str(statuses), found["state"], len(found["pull"].reviews)))))

    @blueprint.post(face.rule, endpoint=f"{face.name}_act")
    def act(full_name: str, number: int) -> Response:
        """Comment, approve, merge or close, as the chosen person."""
        login = request.form.get("as", "")
        if login not in forge.users:
            abort(400)
        page = f"{request.path}?{urlencode({'as': login})}"
        try:
            _act(forge, face, full_name, number, login)
        except NotPossible as error:
            page = f"{request.path}?{urlencode({'as': login, 'refused': str(error)})}"
        return Response("", 303, {"Location": page})


def _act(forge: SandboxForge, face: Face, full_name: str, number: int, login: str) -> None:
    body = request.form.get("body", "").strip()
    match request.form.get("do"):
        case "comment" if body:
            forge.comment(full_name, number, login, body)
        case "approve":
            forge.review(full_name, number, login, "APPROVED", body)
        case "request-changes":
            forge.review(full_name, number, login, "CHANGES_REQUESTED", body)
        case "merge":
            face.merge(full_name, number, login)
        case "close":
            forge.change_pull(full_name, number, login, state="closed")
        case "reopen":
            forge.change_pull(full_name, number, login, state="open")
        case _:
            return


def _conversation(forge: SandboxForge, face: Face, full_name: str, number: int) -> dict[str, Any]:
    repo, pull = forge.repo(full_name), forge.pull(full_name, number)
    acting = request.args.get("as", "")
    events = [("comment", one.created_at, one.id, one) for one in pull.comments]
    reviews = [("review", one.submitted_at, one.id, one) for one in pull.reviews]
    base, head = f"refs/heads/{pull.base_ref}", f"refs/pull/{number}/head"
    diff = "" if pull.merged_at else repo.git.git("diff", f"{base}...{head}")
    return {
        "face": face,
        "repo": repo,
        "pull": pull,
        "timeline": sorted([*events, *reviews], key=lambda one: (one[1], one[2])),
        "statuses": sorted(repo.latest_statuses(pull.head_sha), key=lambda one: one.context),
        "state": "merged" if pull.merged_at else pull.state,
        "mergeable": face.merge_state(repo, pull) if pull.state == "open" else "",
        "diff": diff[:100_000],
        "people": sorted(forge.users),
        "acting": acting if acting in forge.users else "bob" if "bob" in forge.users else "",
        "refused": request.args.get("refused", "")[:300],
    }
