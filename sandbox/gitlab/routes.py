"""GitLab's REST API (v4), put together.

Headers of the rate limit: docs.gitlab.com/administration/settings/user_and_ip_rate_limits ("Response headers").
"""

import time

from flask import Blueprint, Response, g, jsonify, request

from sandbox.forge import NoSuchThing, NotPossible
from sandbox.gitlab.access import recognise
from sandbox.gitlab.answers import Refused
from sandbox.gitlab.approvals import add_approvals
from sandbox.gitlab.hook_routes import Post, add_hook_tests, add_hooks
from sandbox.gitlab.merge_routes import add_merge_request_parts, add_merge_requests, add_merging
from sandbox.gitlab.notes import add_discussions, add_emoji, add_notes
from sandbox.gitlab.people import add_groups, add_members, add_people
from sandbox.gitlab.pipeline_routes import add_pipelines, add_statuses
from sandbox.gitlab.projects import add_projects
from sandbox.gitlab.repositories import add_comparison, add_protection, add_repositories
from sandbox.gitlab.state import GitLab, Links

_LIMIT = 2000


def make_api(hub: GitLab, prefix: str, post: Post) -> Blueprint:
    """Make the routes; `prefix` is the path that GitLab is under, `post` sends the webhooks that are tested."""
    api = Blueprint("gitlab", __name__)

    @api.before_request
    def _who() -> None:
        g.links = Links(request.host_url.rstrip("/"), prefix)
        g.login = recognise(hub)

    @api.after_request
    def _limits(answer: Response) -> Response:
        limits = {"Limit": _LIMIT, "Observed": 1, "Remaining": _LIMIT - 1, "Reset": int(time.time()) + 60}
        for name, value in (limits | {"Name": "throttle_authenticated_api"}).items():
            answer.headers.setdefault(f"RateLimit-{name}", str(value))
        return answer

    @api.errorhandler(Refused)
    def _refused(error: Refused) -> tuple[Response, int]:
        return jsonify(error.body), error.status

    @api.errorhandler(NoSuchThing)
    def _absent(error: NoSuchThing) -> tuple[Response, int]:  # noqa: ARG001  (GitLab does not say what is missing)
        return jsonify({"message": "404 Not found"}), 404

    @api.errorhandler(NotPossible)
    def _impossible(error: NotPossible) -> tuple[Response, int]:
        return jsonify({"message": str(error)}), 422

    @api.route("/<path:rest>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def _nowhere(rest: str) -> tuple[Response, int]:  # noqa: ARG001  (whatever it is, it is not there)
        return jsonify({"error": "404 Not Found"}), 404

    add_people(api, hub)
    add_members(api, hub)
    add_groups(api, hub)
    add_projects(api, hub)
    add_repositories(api, hub)
    add_comparison(api, hub)
    add_protection(api, hub)
    add_merge_requests(api, hub)
    add_merging(api, hub)
    add_merge_request_parts(api, hub)
    add_approvals(api, hub)
    add_notes(api, hub)
    add_emoji(api, hub)
    add_discussions(api, hub)
    add_statuses(api, hub)
    add_pipelines(api, hub)
    add_hooks(api, hub, post)
    add_hook_tests(api, hub, post)
    return api
