"""No secret that the worker knows of gets out, in any of its usual spellings."""

import base64
import json
import threading
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.redact import MASK, Redactor, strip_ansi

SECRET = 'p&ss<w>"ö\\rd/+='
CHARACTERS = st.characters(exclude_characters="*\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", exclude_categories=["Cs"])
SECRETS = st.lists(st.text(CHARACTERS, min_size=6, max_size=30).filter(lambda text: len(text.strip()) >= 6), min_size=1)


@pytest.mark.parametrize(
    "spelling",
    [
        SECRET,
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        'p\\u0026ss\\u003cw\\u003e\\"ö\\\\rd/+=',  # as Terraform's own JSON has it
        quote(SECRET),
        quote(SECRET, safe=""),
        base64.b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_masked_in_every_spelling(spelling: str) -> None:
    assert Redactor([SECRET]).redact(f"before {spelling} after") == "before *** after"


def test_a_clone_credential_is_masked_as_a_basic_header_too() -> None:
    redactor = Redactor()
    redactor.add_credential("bot", "s3cr3t-token")
    header = base64.b64encode(b"bot:s3cr3t-token").decode()

    assert redactor.redact(f"Authorization: Basic {header}") == "Authorization: Basic ***"
    assert redactor.redact("s3cr3t-token") == MASK


def test_an_empty_credential_is_no_secret() -> None:
    redactor = Redactor()
    redactor.add_credential("bot", "")

    assert redactor.redact("bot:") == "bot:"


def test_each_line_of_a_key_is_masked_by_itself() -> None:
    key = "-----BEGIN KEY-----\n  MIIEvQIBADANBg\r\nkqhkiG9w0BAQ\nabc\n-----END KEY-----\n"
    redactor = Redactor([key])

    printed = [redactor.redact(line) for line in key.splitlines()]

    assert printed == ["***", "  ***", "***", "abc", "***"]
    assert redactor.redact(json.dumps({"key": key})) == '{"key": "***\\n"}'


def test_environment_values_are_masked_by_the_names_of_their_variables() -> None:
    redactor = Redactor()
    redactor.add_environment(
        {
            "AWS_SECRET_ACCESS_KEY": "/wJalrXUtnFEMI",
            "GITHUB_TOKEN": "ghp_0123456789",
            "TF_VAR_db_password": "correct horse",
            "PGPASSWORD": "battery",
            "DATADOG_APIKEY": "staple99",
            "SSH_AUTH_SOCK": "/tmp/agent.1",
            "TOKEN_TTL": "864000",
            "SECRET_FILE": "/run/secrets/x",
            "AWS_REGION": "eu-central-1",
            "MONKEYS": "capuchin",
            "SHORT_TOKEN": "abc",
        }
    )

    text = "/wJalrXUtnFEMI ghp_0123456789 correct horse battery staple99"
    assert redactor.redact(text) == "*** *** *** *** ***"
    harmless = "/tmp/agent.1 864000 /run/secrets/x eu-central-1 capuchin abc"
    assert redactor.redact(harmless) == harmless


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("git::https://bot:hunter2@example.com/m.git?ref=1", "git::https://***@example.com/m.git?ref=1"),
        ("'postgres://app:a%20b@db:5432/x'", "'postgres://***@db:5432/x'"),
        ("https://:hunter2@example.com", "https://***@example.com"),
        ("ssh://git@example.com/m.git", "ssh://git@example.com/m.git"),
        ("http://localhost:8080/a@b", "http://localhost:8080/a@b"),
    ],
)
def test_passwords_in_addresses_are_masked_though_nobody_announced_them(text: str, shown: str) -> None:
    assert Redactor().redact(text) == shown


def test_the_longest_secret_wins_where_one_begins_with_another() -> None:
    assert Redactor(["secret-1", "secret-1-and-more"]).redact("secret-1-and-more!") == "***!"


def test_short_values_are_left_alone() -> None:
    assert Redactor(["true", "1", "", "prod"]).redact("true 1 prod") == "true 1 prod"


def test_secrets_may_be_added_later_and_from_other_threads() -> None:
    redactor = Redactor(["first-secret"])
    threads = [threading.Thread(target=redactor.add, args=([f"secret-{n}-{n}"],)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    shown = redactor.redact(" ".join(["first-secret", *(f"secret-{n}-{n}" for n in range(20))]))

    assert shown == " ".join(["***"] * 21)


def test_a_line_cut_in_the_middle_of_a_secret_does_not_end_with_its_first_half() -> None:
    line = "x" * 65_530 + "hunter2-hunter3"

    shown = Redactor(["hunter2-hunter3"]).redact(line[:65_536])

    assert shown == "x" * 65_530 + MASK


def test_a_redactor_does_not_print_what_it_knows() -> None:
    assert "hunter" not in repr(Redactor(["hunter2-hunter3"]))


@given(SECRETS, st.lists(st.text(CHARACTERS)), st.randoms(use_true_random=False))
def test_no_secret_survives_whatever_surrounds_it(secrets: list[str], noise: list[str], random: object) -> None:
    pieces = [*secrets, *noise, *secrets]
    random.shuffle(pieces)  # type: ignore[attr-defined]

    shown = Redactor(secrets).redact("".join(pieces))

    assert not [secret for secret in secrets if secret.strip() in shown]


@given(st.lists(st.text(CHARACTERS, min_size=8).filter(lambda line: len(line.strip()) >= 8), min_size=2))
def test_no_line_of_a_secret_survives_line_by_line(lines: list[str]) -> None:
    redactor = Redactor(["\n".join(lines)])

    shown = [redactor.redact(f"a {line} b") for line in lines]

    assert not [line for line, text in zip(lines, shown, strict=True) if line.strip() in text]


@given(st.text(), st.lists(st.text()))
def test_any_text_and_any_secret_can_be_handled(text: str, secrets: list[str]) -> None:
    Redactor(secrets).redact(text)


def test_colours_are_removed() -> None:
    assert strip_ansi("\x1b[1m\x1b[32m+\x1b[0m create \x1b]8;;http://x\x07link\x1b]8;;\x07") == "+ create link"


def test_a_long_log_is_redacted_at_more_than_a_few_megabytes_a_second() -> None:
    redactor = Redactor(f"{n:02}-{'secret' * 6}-/+&{n}" for n in range(30))
    line = 'aws_instance.web["a"]: Still creating... [id=i-0123456789abcdef0, 10s elapsed]'
    started = time.perf_counter()

    for _ in range(50_000):
        redactor.redact(line)

    speed = 50_000 * len(line) / (time.perf_counter() - started) / 1e6
    print(f"{speed:.0f} MB/s")
    assert speed > 3
