"""The pages and APIs over a real store on SQLite, with a story told beforehand."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from server.orchestration.claims import ServerGateway
from server.web.app import make_app
from server.web.settings import WebSettings
from tests.support.story import Story

WORKER_TOKEN = "worker-token-0123456789"
API_TOKEN = "api-token-0123456789"
PASSWORD = "correct horse battery"
API = {"Authorization": f"Bearer {API_TOKEN}"}

SETTINGS = WebSettings(
    secret_key="a key for tests only",
    worker_token=WORKER_TOKEN,
    username="thera",
    password=PASSWORD,
    api_tokens=("another-token-0123456789", API_TOKEN),
    secure_cookies=False,
    version="1.2.3",
    ready=lambda: {"database": True},
)

Making = Callable[..., FlaskClient]


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    told = Story(f"sqlite:///{tmp_path / 'thera.db'}")
    yield told
    told.close()


@pytest.fixture
def making(story: Story) -> Making:
    """Make a client of an application with other settings."""

    def make(**changes: object) -> FlaskClient:
        settings = replace(SETTINGS, **changes)  # type: ignore[arg-type]  # a test's shorthand
        return make_app(story.ctx, ServerGateway(story.ctx), settings).test_client()

    return make


@pytest.fixture
def stranger(making: Making) -> FlaskClient:
    """Somebody who has not signed in."""
    return making()


@pytest.fixture
def person(making: Making) -> FlaskClient:
    """Somebody who has signed in."""
    client = making()
    assert sign_in(client).status_code == 303
    return client


def csrf_of(client: FlaskClient, page: str = "/login") -> str:
    """Read the token out of a page's form."""
    _, _, rest = client.get(page).text.partition('name="csrf" value="')
    return rest.partition('"')[0]


def sign_in(
    client: FlaskClient, *, password: str = PASSWORD, target: str = "/", username: str = "thera"
) -> TestResponse:
    """Fill the form in."""
    form = {"csrf": csrf_of(client), "username": username, "password": password, "next": target}
    return client.post("/login", data=form)


def json_of(answer: TestResponse) -> Any:
    """Read an answer's JSON, whatever its shape."""
    return answer.json
