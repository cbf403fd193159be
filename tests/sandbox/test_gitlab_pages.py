"""A merge request's page speaks of merge requests, and keeps to GitLab's rules."""

import pytest
import requests

from sandbox.server import SandboxServer
from tests.sandbox.conftest import NAME
from tests.sandbox.gitlab_lab import Lab


@pytest.fixture
def lab(server: SandboxServer) -> Lab:
    return Lab(server)


def act(page: str, what: str, *, who: str = "bob", body: str = "") -> requests.Response:
    return requests.post(page, data={"as": who, "do": what, "body": body}, timeout=10)


def test_the_page_is_where_the_api_says(lab: Lab) -> None:
    page = lab.pull(lab.opened()).web_url
    shown = requests.get(page, timeout=10).text
    assert "A change <small>!1</small>" in shown
    assert "Merge status: <b>mergeable</b>" in shown
    assert requests.get(f"{page}/version", timeout=10).status_code == 200


def test_one_comments_approves_and_merges_there(lab: Lab) -> None:
    number = lab.opened()
    page = lab.pull(number).web_url
    for what, body in (("comment", "thera plan"), ("approve", ""), ("merge", "")):
        assert "refused" not in act(page, what, body=body).url
    assert [one["body"] for one in lab.read("/merge_requests/1/notes?activity_filter=only_comments")] == ["thera plan"]
    assert lab.pull(number).state == "merged"


def test_a_rule_of_gitlabs_stops_the_merge_there(lab: Lab) -> None:
    page = lab.pull(lab.opened()).web_url
    lab.server.gitlab.settings(NAME).only_allow_merge_if_pipeline_succeeds = True
    answer = act(page, "merge")
    assert "Merge blocked (ci_must_pass)" in answer.text
    assert lab.pull(1).state == "opened"


def test_the_list_leads_to_each_faces_page(lab: Lab) -> None:
    forge = lab.server.forge
    forge.create_repo("acme/platform/infra", {"main.tf": "one\n"}, face="gitlab")
    forge.commit("acme/platform/infra", "change", {"main.tf": "two\n"})
    forge.open_pull("acme/platform/infra", head="change", title="There", author="ann")
    lab.opened()
    shown = requests.get(lab.server.url, timeout=10).text
    for path in ("/acme/platform/infra/-/merge_requests/1", f"/{NAME}/pull/1"):
        assert f'href="{path}"' in shown
        assert requests.get(f"{lab.server.url}{path}", timeout=10).status_code == 200
