"""Alive, ready, measured."""

from flask.testing import FlaskClient

from server.domain.errors import TryLater
from tests.support.story import Story
from tests.unit.web.conftest import API_TOKEN, PASSWORD, WORKER_TOKEN, Making, json_of


def test_alive_needs_nothing(making: Making) -> None:
    assert making(ready=_away).get("/healthz").status_code == 200


def test_ready_when_every_part_is(making: Making) -> None:
    answer = making(ready=lambda: {"database": True, "reactor": True}).get("/readyz")

    assert answer.status_code == 200
    assert json_of(answer) == {"ready": True, "parts": {"database": True, "reactor": True}}


def test_not_ready_says_which_part_is_down(making: Making) -> None:
    for state in (False, "it does not answer"):
        answer = making(ready=lambda state=state: {"database": True, "broker": state}).get("/readyz")

        assert answer.status_code == 503
        assert json_of(answer)["parts"]["broker"] == state


def test_a_database_that_raises_is_not_ready(making: Making) -> None:
    answer = making(ready=_away).get("/readyz")

    assert answer.status_code == 503
    assert json_of(answer)["parts"] == {"database": "The database does not answer."}


def test_metrics_tell_of_the_rows_and_no_secrets(stranger: FlaskClient, story: Story) -> None:
    story.open_pull("prod/main.tf", title="a title nobody should see in a label")
    story.settle(working=False)
    stranger.get("/some/address/that/somebody/made/up")
    stranger.open("/", method="INVENTED")

    text = stranger.get("/metrics").text

    assert 'thera_jobs_open{pool="default",state="queued"} 1.0' in text
    assert "thera_outbox_lag_seconds" in text
    assert "thera_database_up 1.0" in text
    assert 'thera_http_seconds_count{endpoint="none",status="404"}' in text
    for word in (API_TOKEN, WORKER_TOKEN, PASSWORD, "made/up", "INVENTED", "nobody should see"):
        assert word not in text


def _away() -> dict[str, bool]:
    raise TryLater("The database does not answer.")
