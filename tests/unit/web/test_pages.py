"""What people see: everything from outside is text, and a log can be followed."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Blueprint
from flask.testing import FlaskClient

from server.domain.errors import TryLater
from server.orchestration.claims import ServerGateway
from server.web.app import make_app
from tests.support.story import Story
from tests.unit.web.conftest import API, SETTINGS, json_of
from workers.protocol.jobs import Ticket, WorkerInfo
from workers.protocol.results import Failure, FailureKind

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


@pytest.fixture
def running(story: Story) -> Ticket:
    """A plan job that a worker has begun."""
    story.open_pull("prod/main.tf")
    story.settle(working=False)
    story.worker.do(story.tickets.popleft())
    story.settle(working=False)
    ticket = story.tickets.popleft()
    story.worker.gateway.claim(ticket, WorkerInfo(name="worker-1", pool="default", version="1"))
    return ticket


def pages_of(story: Story) -> Iterator[str]:
    """List the address of every page that there is."""
    yield from ("/", "/locks", "/runs/absent")
    with story.store.reading() as uow:
        for row in uow.runs.recent(limit=100):
            yield f"/runs/{row.run.id}"
            yield f"/pulls/{row.pull.ref.repo}/{row.pull.ref.number}"
            yield from (f"/jobs/{job.id}" for job in uow.jobs.of_run(row.run.id))


def test_nothing_from_outside_becomes_markup(person: FlaskClient, story: Story) -> None:
    story.worker.plans["prod"] = Failure(kind=FailureKind.TERRAFORM, summary=EVIL, detail=EVIL)
    story.worker.name = EVIL
    story.open_pull("prod/main.tf", title=EVIL, author=EVIL, head_ref=EVIL)
    story.settle()
    with story.store.transaction() as uow:
        run = uow.runs.recent(limit=1)[0].run
        uow.runs.save(replace(run, note=EVIL, cancelled_by=EVIL))
        job = uow.jobs.of_run(run.id)[-1]
        uow.logs.append(job_id=job.id, attempt=1, sequence=99, text=f"\x1b[31m{EVIL}", now=story.now)

    texts = [person.get(page).text for page in pages_of(story)]

    assert sum("&lt;script&gt;alert(1)" in text for text in texts) >= 5
    assert not any("<script>alert" in text or "<img src=x" in text for text in texts)


def test_no_page_needs_an_inline_script_or_style_or_another_server(person: FlaskClient, story: Story) -> None:
    story.open_pull("prod/main.tf")
    story.settle()

    for page in [*pages_of(story), "/login"]:
        text = person.get(page).text
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", text), page
        assert all(address.startswith("/") for address in re.findall(r'(?:src|action)="([^"]*)"', text)), page


def test_every_answer_is_guarded(person: FlaskClient, story: Story) -> None:
    story.open_pull("prod/main.tf")
    story.settle()

    for page in [*pages_of(story), "/login", "/nothing", "/api/v1/runs", "/healthz", "/metrics", "/static/thera.css"]:
        headers = person.get(page).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert page.startswith("/static") or headers["Cache-Control"] == "no-store"


def test_a_run_page_says_what_changes_what_failed_and_where_to_read_on(person: FlaskClient, story: Story) -> None:
    story.worker.plans["dev"] = Failure(kind=FailureKind.TERRAFORM, summary="Error: no subnet", detail="on main.tf")
    story.open_pull("prod/main.tf", "dev/main.tf")
    story.settle()
    address = next(page for page in pages_of(story) if page.startswith("/runs/0"))

    text = person.get(address).text

    for part in ("terraform_data.a", "Error: no subnet", "on main.tf", "plan failed", "planned", "+1"):
        assert part in text
    assert len(re.findall(r'href="/jobs/\w+"', text)) == 3


def test_times_are_relative_with_the_exact_moment_beside_them(person: FlaskClient, story: Story) -> None:
    story.open_pull("prod/main.tf")

    assert re.search(r'<time datetime="2026-01-01T12:00:[^"]*" title="2026-01-01 12:00:00 UTC">', person.get("/").text)


def test_older_runs_are_on_the_next_page(person: FlaskClient, story: Story) -> None:
    for _ in range(33):
        story.open_pull("prod/main.tf")
    first = person.get("/").text
    older = re.search(r'href="(/\?before=\w+)"', first)
    assert older is not None

    second = person.get(older[1]).text

    shown = [re.findall(r'href="/runs/(\w+)"', text) for text in (first, second)]
    assert (len(shown[0]), len(shown[1])) == (30, 3)
    assert not set(shown[0]) & set(shown[1])
    assert "Older runs" not in second


def test_a_log_is_followed_from_where_the_page_left_off(person: FlaskClient, story: Story, running: Ticket) -> None:
    gateway = story.worker.gateway
    gateway.append_log(running, 1, "\x1b[32mone\n")
    page = person.get(f"/jobs/{running.job_id}").text
    assert '<span class="fg32">one\n</span>' in page
    cursor = re.search(r'data-cursor="(\d+)" data-style="([^"]*)" data-ended="no"', page)
    assert cursor is not None
    gateway.append_log(running, 2, "two\x1b[0m three\n")

    more = json_of(person.get(f"/jobs/{running.job_id}/log?after={cursor[1]}&style={cursor[2]}"))

    assert more["pieces"] == [["fg32", "two"], ["", " three\n"]]
    assert (more["ended"], more["more"], more["state"]) == (False, False, "running")
    again = json_of(person.get(f"/jobs/{running.job_id}/log?after={more['cursor']}"))
    assert (again["pieces"], again["cursor"]) == ([], more["cursor"])


def test_a_long_log_comes_in_bounded_pages_that_add_up(person: FlaskClient, story: Story, running: Ticket) -> None:
    written = [f"{number} {'x' * 20_000}\n" for number in range(1, 61)]
    for number, text in enumerate(written, start=1):
        story.worker.gateway.append_log(running, number, text)
    read, cursor, pages = "", 0, 0
    more = True
    while more:
        page = json_of(person.get(f"/api/v1/jobs/{running.job_id}/log?after={cursor}", headers=API))
        read, cursor, more, pages = read + page["text"], page["cursor"], page["more"], pages + 1

    assert read == "".join(written)
    assert pages > 1
    assert person.get(f"/jobs/{running.job_id}/log.txt").text == read


def test_a_log_ends_when_its_job_does(person: FlaskClient, story: Story, running: Ticket) -> None:
    story.worker.gateway.append_log(running, 1, "one\n")
    assignment = story.worker.claim(running)
    assert assignment is None  # it runs already
    with story.store.transaction() as uow:
        job = uow.jobs.get_for_update(running.job_id)
        uow.jobs.save(job.move_to(type(job.state)("failed"), finished_at=story.now))

    assert json_of(person.get(f"/jobs/{running.job_id}/log?after=0"))["ended"]
    assert 'data-ended="yes"' in person.get(f"/jobs/{running.job_id}").text


@pytest.mark.parametrize("query", ["after=-1", "after=x", "after=99999999999999999999", "after=1&style=%1b%5b&x=1"])
def test_a_nonsensical_cursor_is_no_defect(person: FlaskClient, running: Ticket, query: str) -> None:
    assert person.get(f"/jobs/{running.job_id}/log?{query}").status_code == 200


def test_a_log_can_be_downloaded(person: FlaskClient, story: Story, running: Ticket) -> None:
    story.worker.gateway.append_log(running, 1, "<b>one</b>\n")

    answer = person.get(f"/jobs/{running.job_id}/log.txt")

    assert answer.text == "<b>one</b>\n"
    assert answer.content_type.startswith("text/plain")
    assert answer.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("page", ["/runs/x", "/jobs/x", "/jobs/x/log", "/jobs/x/log.txt", "/pulls/h/o/r/1", "/nothing"])
def test_what_is_not_there_is_said_on_a_page(person: FlaskClient, page: str) -> None:
    answer = person.get(page)

    assert answer.status_code == 404
    assert answer.content_type.startswith("text/html")
    assert "All runs" in answer.text


def _broken() -> Blueprint:
    broken = Blueprint("broken", __name__)

    @broken.get("/broken", defaults={"error": RuntimeError("the password is hunter2")})
    @broken.get("/api/broken", defaults={"error": RuntimeError("the password is hunter2")})
    @broken.get("/busy", defaults={"error": TryLater("The database does not answer.")})
    def fail(error: Exception) -> str:
        raise error

    return broken


def test_a_defect_is_answered_with_an_incident_and_nothing_of_its_inside(story: Story) -> None:
    client = make_app(story.ctx, ServerGateway(story.ctx), SETTINGS, blueprints=[_broken()]).test_client()

    page, program = client.get("/broken"), client.get("/api/broken")

    assert (page.status_code, program.status_code) == (500, 500)
    assert program.content_type == "application/problem+json"
    for text in (page.text, program.text):
        assert re.search(r"incident [0-9a-f]{12}", text)
        assert "hunter2" not in text


def test_a_database_that_is_away_is_said_with_when_to_come_back(story: Story) -> None:
    client = make_app(story.ctx, ServerGateway(story.ctx), SETTINGS, blueprints=[_broken()]).test_client()

    answer = client.get("/busy")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "does not answer" in answer.text
