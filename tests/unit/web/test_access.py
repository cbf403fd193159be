"""Who gets in: nothing is open but what has to be."""

import re
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from tests.support.story import Story
from tests.unit.web.conftest import API, API_TOKEN, PASSWORD, WORKER_TOKEN, Making, csrf_of, json_of, sign_in

PUBLIC = {
    *("/healthz", "/readyz", "/status", "/metrics"),
    *("/static/<path:filename>", "/login", "/logout", "/api/v1/openapi.json"),
}


def _rules(client: FlaskClient) -> list[tuple[str, str]]:
    return [
        (method, rule.rule)
        for rule in client.application.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        if rule.rule not in PUBLIC
    ]


def _address(rule: str) -> str:
    return re.sub(r"<int[^>]*>", "7", re.sub(r"<(?!int)[^>]*>", "x", rule))


def test_every_route_wants_a_credential_but_the_public_ones(stranger: FlaskClient) -> None:
    answers = {(method, rule): stranger.open(_address(rule), method=method) for method, rule in _rules(stranger)}

    closed = {
        key: answer.status_code == 401 or urlsplit(answer.headers.get("Location", "")).path == "/login"
        for key, answer in answers.items()
    }
    assert [key for key, is_closed in closed.items() if not is_closed] == []
    assert len(answers) > 20


def test_the_public_routes_are_the_ones_meant(stranger: FlaskClient) -> None:
    rules = {rule.rule for rule in stranger.application.url_map.iter_rules()}

    assert rules >= PUBLIC


@pytest.mark.parametrize(
    "header",
    ["", API_TOKEN, "Bearer", "Bearer ", f"Basic {API_TOKEN}", f"Bearer {API_TOKEN}x", f"Bearer {WORKER_TOKEN}"],
)
def test_the_api_wants_a_bearer_token_and_says_so(stranger: FlaskClient, header: str) -> None:
    answer = stranger.get("/api/v1/runs", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert "Authorization: Bearer" in json_of(answer)["detail"]
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_each_api_token_opens_the_api_and_nothing_else(stranger: FlaskClient) -> None:
    assert stranger.get("/api/v1/runs", headers=API).status_code == 200
    assert stranger.get("/", headers=API).status_code == 303
    assert stranger.post("/worker/v1/jobs/x/heartbeat", headers=API).status_code == 401


def test_an_empty_token_in_the_settings_opens_nothing(making: Making) -> None:
    client = making(api_tokens=("",), worker_token="")

    for header in ("", "Bearer", "Bearer "):
        headers = {"Authorization": header}
        assert client.get("/api/v1/runs", headers=headers).status_code == 401
        assert client.post("/worker/v1/jobs/x/heartbeat", headers=headers).status_code == 401


@pytest.mark.parametrize("page", ["/", "/locks", "/login", "/runs/x"])
def test_without_a_password_the_pages_are_closed_and_say_how_to_open_them(making: Making, page: str) -> None:
    answer = making(password=None).get(page)

    assert answer.status_code == 503
    assert "THERA_WEB_PASSWORD" in answer.text


def test_the_session_cookie_is_out_of_reach_for_scripts_and_other_sites(making: Making) -> None:
    cookie = sign_in(making(secure_cookies=True)).headers["Set-Cookie"]

    assert {"HttpOnly", "SameSite=Lax", "Secure"} <= {part.strip() for part in cookie.split(";")}


def test_a_wrong_name_or_password_does_not_get_in(making: Making) -> None:
    client = making()

    assert sign_in(client, password="wrong").status_code == 401
    assert sign_in(client, username="root").status_code == 401
    assert client.get("/").status_code == 303


def test_a_new_password_ends_the_sessions_of_the_old_one(making: Making) -> None:
    old, new = making(), making(password="another horse")
    sign_in(old)
    cookie = old.get_cookie("thera")
    assert cookie is not None

    new.set_cookie("thera", cookie.value)

    assert old.get("/").status_code == 200
    assert new.get("/").status_code == 303


def test_signing_out_ends_it(person: FlaskClient) -> None:
    assert person.post("/logout", data={"csrf": csrf_of(person, "/")}).status_code == 303

    assert person.get("/").status_code == 303


@pytest.mark.parametrize(
    ("target", "lands_at"),
    [
        ("/locks", "/locks"),
        ("/?before=01abc", "/?before=01abc"),
        ("", "/"),
        ("https://evil.test/", "/"),
        ("//evil.test/", "/"),
        ("////evil.test/", "/"),
        ("/\\evil.test", "/"),
        ("\\\\evil.test", "/"),
        ("/\t/evil.test", "/"),
        (" //evil.test", "/"),
        ("javascript:alert(1)", "/"),
        ("evil.test", "/"),
        ("//[", "/"),
        ("/locks\r\nSet-Cookie: a=b", "/locksSet-Cookie: a=b"),
    ],
)
def test_signing_in_leads_to_this_server_only(making: Making, target: str, lands_at: str) -> None:
    answer = sign_in(making(), target=target)

    assert answer.headers["Location"].replace("%20", " ") == lands_at


def test_one_comes_back_to_the_page_one_asked_for(making: Making) -> None:
    client = making()
    asked = client.get("/locks?a=1").headers["Location"]

    form = client.get(asked).text

    assert 'name="next" value="/locks?a=1"' in form


def test_after_ten_wrong_tries_an_address_waits_even_with_the_right_password(making: Making) -> None:
    client = making()
    tries = [sign_in(client, password="wrong").status_code for _ in range(11)]

    answer = sign_in(client, password=PASSWORD)

    assert tries == [401] * 10 + [429]
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "60"


@pytest.mark.parametrize("path", ["/login", "/logout", "/locks/x/release"])
@pytest.mark.parametrize("token", [None, "", "0" * 43, "é"])
def test_a_form_without_its_token_is_refused(person: FlaskClient, path: str, token: str | None) -> None:
    form = {"username": "thera", "password": PASSWORD} | ({} if token is None else {"csrf": token})

    assert person.post(path, data=form).status_code == 400
    assert person.get("/").status_code == 200


def test_every_form_that_changes_something_carries_the_token(person: FlaskClient, story: Story) -> None:
    story.open_pull("prod/main.tf")
    story.settle()

    for page in ("/", "/locks", "/login"):
        text = person.get(page).text
        forms = re.findall(r'<form method="post".*?</form>', text, re.DOTALL)
        assert forms
        assert all('name="csrf" value="' in form for form in forms), page


@pytest.mark.parametrize("token", [None, "", "0" * 43])
def test_a_lock_is_not_released_by_a_form_that_another_site_could_send(
    person: FlaskClient, story: Story, token: str | None
) -> None:
    story.open_pull("prod/main.tf")
    story.settle()
    with story.store.reading() as uow:
        lock = uow.locks.all()[0]

    answer = person.post(f"/locks/{lock.id}/release", data={} if token is None else {"csrf": token})

    assert answer.status_code == 400
    assert "reload the page" in answer.text
    assert story.locked() == ["prod"]
