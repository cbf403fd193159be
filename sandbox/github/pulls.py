"""GitHub's REST routes: pulls, reviews and comments."""

from flask import Blueprint, Response, g, jsonify, make_response, request

from sandbox.forge import NotPossible, SandboxForge
from sandbox.github.answers import SLUG, Build, paged, problem
from sandbox.github.payloads import Json, stamp


def add_pulls(api: Blueprint, forge: SandboxForge, build: Build) -> None:
    """Add the routes of pulls."""

    @api.get(f"/repos/{SLUG}/pulls")
    def _pulls(owner: str, name: str) -> Response:
        repo = forge.repo(f"{owner}/{name}")
        state = request.args.get("state", "open")
        pulls = [pull for pull in repo.pulls.values() if state in {"all", pull.state}]
        pulls.sort(key=lambda pull: pull.updated_at, reverse=True)
        return paged([build().pull(repo, pull, full=False) for pull in pulls])

    @api.post(f"/repos/{SLUG}/pulls")
    def _open(owner: str, name: str) -> Response:
        asked, full_name = request.get_json(), f"{owner}/{name}"
        number = forge.open_pull(
            full_name,
            head=asked["head"],
            base=asked["base"],
            title=asked["title"],
            body=asked.get("body") or "",
            draft=asked.get("draft", False),
            author=g.login,
        )
        return make_response(jsonify(build().pull(forge.repo(full_name), forge.pull(full_name, number))), 201)

    @api.get(f"/repos/{SLUG}/pulls/<int:number>")
    def _pull(owner: str, name: str, number: int) -> Response:
        full_name = f"{owner}/{name}"
        return jsonify(build().pull(forge.repo(full_name), forge.pull(full_name, number)))

    @api.patch(f"/repos/{SLUG}/pulls/<int:number>")
    def _change(owner: str, name: str, number: int) -> Response:
        full_name, asked = f"{owner}/{name}", request.get_json()
        names = {"title": "title", "state": "state", "base": "base_ref", "body": "body"}
        changes = {names[key]: value for key, value in asked.items() if key in names}
        pull = forge.change_pull(full_name, number, g.login, **changes)
        return jsonify(build().pull(forge.repo(full_name), pull))


def add_outcomes(api: Blueprint, forge: SandboxForge, build: Build) -> None:
    """Add the routes of what a pull changes, and of merging it."""

    @api.get(f"/repos/{SLUG}/pulls/<int:number>/files")
    def _files(owner: str, name: str, number: int) -> Response:
        repo, pull = forge.repo(f"{owner}/{name}"), forge.pull(f"{owner}/{name}", number)
        changed = repo.git.changes(f"refs/heads/{pull.base_ref}", f"refs/pull/{number}/head")
        url = f"{build().api}/repos/{repo.full_name}/contents"
        found = []
        for file in changed:
            entry: Json = {
                "sha": pull.head_sha,
                "filename": file.path,
                "status": file.status,
                "additions": 1,
                "deletions": 0,
                "changes": 1,
                "blob_url": f"{url}/{file.path}",
                "raw_url": f"{url}/{file.path}",
                "contents_url": f"{url}/{file.path}",
            }
            found.append(entry | ({"previous_filename": file.previous} if file.previous else {}))
        return paged(found)

    @api.put(f"/repos/{SLUG}/pulls/<int:number>/merge")
    def _merge(owner: str, name: str, number: int) -> Response:
        asked = request.get_json(silent=True) or {}
        try:
            sha = forge.merge(f"{owner}/{name}", number, g.login, sha=asked.get("sha"))
        except NotPossible as error:
            return problem(409 if "modified" in str(error) else 405, str(error))
        return jsonify({"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


def add_reviews(api: Blueprint, forge: SandboxForge, build: Build) -> None:
    """Add the routes of reviews."""

    @api.get(f"/repos/{SLUG}/pulls/<int:number>/reviews")
    def _reviews(owner: str, name: str, number: int) -> Response:
        repo, pull = forge.repo(f"{owner}/{name}"), forge.pull(f"{owner}/{name}", number)
        return paged([build().review(repo, pull, review) for review in pull.reviews])

    @api.post(f"/repos/{SLUG}/pulls/<int:number>/reviews")
    def _review(owner: str, name: str, number: int) -> Response:
        asked, full_name = request.get_json(), f"{owner}/{name}"
        states = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
        review = forge.review(full_name, number, g.login, states[asked["event"]], asked.get("body", ""))
        return jsonify(build().review(forge.repo(full_name), forge.pull(full_name, number), review))

    @api.put(f"/repos/{SLUG}/pulls/<int:number>/reviews/<int:review_id>/dismissals")
    def _dismiss(owner: str, name: str, number: int, review_id: int) -> Response:
        full_name = f"{owner}/{name}"
        review = forge.dismiss_review(full_name, number, review_id, g.login)
        return jsonify(build().review(forge.repo(full_name), forge.pull(full_name, number), review))


def add_conversation(api: Blueprint, forge: SandboxForge, build: Build) -> None:
    """Add the routes of comments."""

    @api.get(f"/repos/{SLUG}/issues/comments")
    def _all_comments(owner: str, name: str) -> Response:
        repo = forge.repo(f"{owner}/{name}")
        since = request.args.get("since", "")
        found = [
            build().comment(repo, pull, comment)
            for pull in repo.pulls.values()
            for comment in pull.comments
            if (stamp(comment.updated_at) or "") >= since
        ]
        return paged(sorted(found, key=lambda one: one["id"]))

    @api.get(f"/repos/{SLUG}/issues/<int:number>/comments")
    def _comments(owner: str, name: str, number: int) -> Response:
        repo, pull = forge.repo(f"{owner}/{name}"), forge.pull(f"{owner}/{name}", number)
        return paged([build().comment(repo, pull, comment) for comment in pull.comments])

    @api.post(f"/repos/{SLUG}/issues/<int:number>/comments")
    def _new_comment(owner: str, name: str, number: int) -> Response:
        full_name, body = f"{owner}/{name}", request.get_json()["body"]
        if len(body) > 65_536:  # noqa: PLR2004  (GitHub's limit)
            return problem(422, "Body is too long (maximum is 65536 characters)")
        comment = forge.comment(full_name, number, g.login, body)
        found = build().comment(forge.repo(full_name), forge.pull(full_name, number), comment)
        return make_response(jsonify(found), 201)

    @api.patch(f"/repos/{SLUG}/issues/comments/<int:comment_id>")
    def _edited_comment(owner: str, name: str, comment_id: int) -> Response:
        full_name = f"{owner}/{name}"
        comment = forge.edit_comment(full_name, comment_id, request.get_json()["body"], g.login)
        pull, _ = forge.find_comment(full_name, comment_id)
        return jsonify(build().comment(forge.repo(full_name), pull, comment))

    @api.delete(f"/repos/{SLUG}/issues/comments/<int:comment_id>")
    def _deleted_comment(owner: str, name: str, comment_id: int) -> Response:
        forge.delete_comment(f"{owner}/{name}", comment_id, g.login)
        return make_response("", 204)

    @api.post(f"/repos/{SLUG}/issues/comments/<int:comment_id>/reactions")
    def _react(owner: str, name: str, comment_id: int) -> Response:
        content = request.get_json()["content"]
        fresh = forge.react(f"{owner}/{name}", comment_id, g.login, content)
        found = {
            "id": comment_id,
            "node_id": f"REA_{comment_id}",
            "user": build().user(g.login),
            "content": content,
            "created_at": "2026-01-01T00:00:00Z",
        }
        return make_response(jsonify(found), 201 if fresh else 200)
