"""Whatever the sandbox says as GitLab has the fields and types of what GitLab said, where that was recorded.

Recorded: `tests/samples/gitlab_api` and `tests/samples/gitlab_webhooks` (their READMEs name the source). For answers
that are recorded nowhere the fields and types are those of GitLab's REST API documentation, page by page.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.gitlab.pipelines import add_pipeline
from sandbox.gitlab.state import Job
from sandbox.server import SandboxServer
from tests.sandbox.conftest import NAME
from tests.sandbox.gitlab_lab import Lab
from tests.sandbox.listening import Listener, listening

SAMPLES = Path(__file__).parents[1] / "samples"
GONE = {
    "get_user.json": {".skype"},
    "merge_request.json": {
        # Present only where somebody is assigned, and where that is what changed.
        ".object_attributes.assignee",
        ".assignees",
        ".changes.updated_by_id",
        ".changes.changes",
        ".changes.labels",
    },
    "group_merge_request.json": {
        # GitLab 8; `HOOK_ATTRIBUTES` of GitLab's merge request builder has none of them today.
        ".assignee",
        ".project.visibility",
        ".object_attributes.source.visibility",
        ".object_attributes.target.visibility",
        ".object_attributes.position",
        ".object_attributes.locked_at",
        ".object_attributes.merge_when_build_succeeds",
        ".object_attributes.deleted_at",
        ".object_attributes.approvals_before_merge",
        ".object_attributes.rebase_commit_sha",
        ".object_attributes.in_progress_merge_commit_sha",
        ".object_attributes.lock_version",
    },
    "note_merge_request.json": {".merge_request.position", ".merge_request.assignee"},
}
PERSON = "id:int username:str name:str state:str avatar_url:str web_url:str"
DOCUMENTED = {  # page of docs.gitlab.com/api, path asked, fields
    "notes": (
        "/merge_requests/1/notes?activity_filter=only_comments",
        (
            "id:int type:str? body:str author:dict created_at:str updated_at:str system:bool noteable_id:int "
            "noteable_type:str project_id:int noteable_iid:int resolvable:bool confidential:bool internal:bool "
            "imported:bool imported_from:str commands_changes:dict"
        ),
    ),
    "discussions": ("/merge_requests/1/discussions", "id:str individual_note:bool notes:list"),
    "emoji_reactions": (
        "/merge_requests/1/notes/NOTE/award_emoji",
        "id:int name:str user:dict created_at:str updated_at:str awardable_id:int awardable_type:str",
    ),
    "merge_request_approvals": (
        "/merge_requests/1/approvals",
        (
            "id:int iid:int project_id:int title:str description:str state:str created_at:str "
            "updated_at:str merge_status:str approvals_required:int approvals_left:int approved_by:list approved:bool "
            "user_has_approved:bool user_can_approve:bool approval_rules_left:list has_approval_rules:bool"
        ),
    ),
    "merge_request_approvals (state)": (
        "/merge_requests/1/approval_state",
        "approval_rules_overwritten:bool rules:list",
    ),
    "commits (statuses)": (
        "/repository/commits/SHA/statuses",
        (
            "id:int sha:str ref:str status:str name:str target_url:str? description:str? created_at:str "
            "started_at:str? finished_at:str? allow_failure:bool coverage:float? pipeline_id:int author:dict"
        ),
    ),
    "pipelines": (
        "/pipelines",
        "id:int iid:int project_id:int status:str source:str ref:str sha:str web_url:str created_at:str updated_at:str",
    ),
    "jobs": (
        "/pipelines/PIPELINE/jobs",
        (
            "id:int name:str status:str stage:str ref:str tag:bool coverage:float? allow_failure:bool created_at:str "
            "started_at:str? finished_at:str? erased_at:str? duration:float? queued_duration:float? user:dict "
            "commit:dict pipeline:dict web_url:str project:dict artifacts:list runner:dict? artifacts_expire_at:str? "
            "archived:bool tag_list:list"
        ),
    ),
    "members": (
        "/members/all",
        f"{PERSON} access_level:int created_at:str expires_at:str? membership_state:str",
    ),
    "repositories (compare)": (
        "/repository/compare?from=main&to=change",
        "commit:dict commits:list diffs:list compare_timeout:bool compare_same_ref:bool web_url:str",
    ),
    "merge_requests (diffs)": (
        "/merge_requests/1/diffs",
        (
            "old_path:str new_path:str a_mode:str b_mode:str diff:str collapsed:bool too_large:bool new_file:bool "
            "renamed_file:bool deleted_file:bool generated_file:bool"
        ),
    ),
    "project_webhooks": (
        "/hooks",
        (
            "id:int url:str name:str? description:str? project_id:int push_events:bool push_events_branch_filter:str? "
            "issues_events:bool confidential_issues_events:bool merge_requests_events:bool tag_push_events:bool "
            "note_events:bool confidential_note_events:bool job_events:bool pipeline_events:bool wiki_page_events:bool "
            "deployment_events:bool releases_events:bool feature_flag_events:bool enable_ssl_verification:bool "
            "repository_update_events:bool alert_status:str disabled_until:str? url_variables:list created_at:str "
            "resource_access_token_events:bool custom_webhook_template:str? custom_headers:list"
        ),
    ),
    "projects": (
        "",
        (
            "id:int description:str? name:str name_with_namespace:str path:str path_with_namespace:str created_at:str "
            "default_branch:str topics:list ssh_url_to_repo:str http_url_to_repo:str web_url:str forks_count:int "
            "avatar_url:str? star_count:int last_activity_at:str namespace:dict visibility:str archived:bool "
            "merge_method:str squash_option:str only_allow_merge_if_pipeline_succeeds:bool "
            "only_allow_merge_if_all_discussions_are_resolved:bool allow_merge_on_skipped_pipeline:bool? "
            "remove_source_branch_after_merge:bool approvals_before_merge:int permissions:dict"
        ),
    ),
    "protected_branches": (
        "/protected_branches",
        (
            "id:int name:str push_access_levels:list merge_access_levels:list unprotect_access_levels:list "
            "allow_force_push:bool code_owner_approval_required:bool"
        ),
    ),
    "groups": (
        "//groups/acme",
        (
            "id:int name:str path:str description:str visibility:str avatar_url:str? web_url:str full_name:str "
            "full_path:str parent_id:int?"
        ),
    ),
    "personal_access_tokens": (
        "//personal_access_tokens/self",
        (
            "id:int name:str revoked:bool created_at:str scopes:list user_id:int last_used_at:str? active:bool "
            "expires_at:str?"
        ),
    ),
}


@pytest.fixture
def lab(server: SandboxServer) -> Lab:
    """A project in which something of everything has happened."""
    lab, forge = Lab(server), server.forge
    forge.protect(NAME, "main", approvals=1)
    forge.add_hook(NAME, "http://127.0.0.1:1/", "x", face="gitlab")
    number = lab.opened()
    forge.change_pull(NAME, number, "ann", labels=["API"])
    comment = forge.comment(NAME, number, "bob", "hello")
    forge.react(NAME, comment.id, "ann", "eyes")
    sha = forge.pull(NAME, number).head_sha
    pipeline = add_pipeline(server.gitlab, forge.repo(NAME), sha, "change", "ann")
    pipeline.jobs.append(Job(7, "unit", "ann", "change", status="success", external=False))
    lab.project().commits.get(sha).statuses.create({"state": "running", "name": "thera/plan", "ref": "change"})
    lab.pull(number, "bob").approve()
    return lab


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


def differences(recorded: object, ours: object, place: str = "") -> Iterator[str]:
    """List fields that the recorded one has and ours has not, or has of another type; null is of every type."""
    if recorded is None or ours is None:
        return
    if type(recorded) is not type(ours):
        yield f"{place}: {type(ours).__name__} and not {type(recorded).__name__}"
    elif isinstance(recorded, dict) and isinstance(ours, dict):
        for key, value in recorded.items():
            if key not in ours:
                yield f"{place}.{key}"
            else:
                yield from differences(value, ours[key], f"{place}.{key}")
    elif isinstance(recorded, list) and isinstance(ours, list) and recorded and ours:
        yield from differences(recorded[0], ours[0], f"{place}[]")


def sample(folder: str, name: str) -> Any:
    return json.loads((SAMPLES / folder / name).read_text())


def filled(lab: Lab, path: str) -> str:
    pull = lab.server.forge.pull(NAME, 1)
    pipeline = lab.server.gitlab.project(lab.server.forge.repo(NAME)).pipelines[0]
    names = {"NOTE": pull.comments[0].id, "SHA": pull.head_sha, "PIPELINE": pipeline.id}
    for name, value in names.items():
        path = path.replace(name, str(value))
    return path


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("get_merge_request.json", "/merge_requests/1"),
        ("get_merge_requests.json", "/merge_requests"),
        ("get_branch.json", "/repository/branches/main"),
        ("get_commit.json", "/repository/commits/SHA"),
        ("get_user.json", "//user"),
    ],
)
def test_an_answer_is_of_the_recorded_shape(lab: Lab, name: str, path: str) -> None:
    found = set(differences(sample("gitlab_api", name), lab.read(filled(lab, path))))
    assert found == GONE.get(name, set())


@pytest.mark.parametrize("page", DOCUMENTED)
def test_an_answer_is_of_the_documented_shape(lab: Lab, page: str) -> None:
    path, fields = DOCUMENTED[page]
    answer = lab.read(filled(lab, path), who="bob")
    found = answer[0] if isinstance(answer, list) else answer
    types = {"int": int, "str": str, "bool": bool, "dict": dict, "list": list, "float": float}
    for field in fields.split():
        name, _, kind = field.partition(":")
        value = found[name]
        assert (value is None and kind.endswith("?")) or type(value) is types[kind.rstrip("?")], field


@pytest.mark.parametrize(
    ("name", "kind", "action"),
    [
        ("merge_request.json", "merge_request", "open"),
        ("service_merge_request.json", "merge_request", "update"),
        ("group_merge_request.json", "merge_request", "merge"),
        ("note_merge_request.json", "note", "create"),
        ("push.json", "push", None),
        ("pipeline.json", "pipeline", None),
    ],
)
def test_a_webhook_is_of_the_recorded_shape(
    server: SandboxServer, listener: Listener, name: str, kind: str, action: str | None
) -> None:
    lab, forge = Lab(server), server.forge
    forge.add_hook(NAME, listener.url, "x", face="gitlab")
    number = lab.opened()
    forge.comment(NAME, number, "bob", "hello")
    pipeline = add_pipeline(
        server.gitlab, forge.repo(NAME), lab.pull(1).sha, "x", "ann", source="merge_request_event", pull=1
    )
    pipeline.jobs.append(Job(7, "unit", "ann", "x", status="success", external=False))
    server.gitlab.pipeline_moved(forge.repo(NAME), pipeline)
    forge.commit(NAME, "change", {"main.tf": "three\n"})
    lab.pull(number).merge()
    bodies = [json.loads(one.body) for one in listener.wait_for(8)]
    acts = [(one["object_kind"], one.get("object_attributes", {}).get("action")) for one in bodies]
    found = set(differences(sample("gitlab_webhooks", name), bodies[acts.index((kind, action))]))
    if name == "merge_request.json":
        found.discard(".changes.updated_at")
    assert found == GONE.get(name, set())


def test_a_difference_is_found() -> None:
    recorded = {"a": 1, "b": {"c": "x"}, "d": [{"e": 1}], "f": None, "g": "x"}
    ours = {"a": "1", "b": {}, "d": [{"e": True}], "f": 7, "g": None}
    assert list(differences(recorded, ours)) == [".a: str and not int", ".b.c", ".d[].e: bool and not int"]
