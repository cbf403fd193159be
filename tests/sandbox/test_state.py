"""Terraform's `http` backend: one holder of a lock, and nobody writes past it."""

import requests

from sandbox.server import SandboxServer

ANN, BOB = b'{"ID": "lock-ann", "Who": "ann"}', b'{"ID": "lock-bob", "Who": "bob"}'


def ask(server: SandboxServer, verb: str, path: str = "net/default", body: bytes = b"") -> tuple[int, bytes]:
    answer = requests.request(verb, f"{server.url}/state/{path}", data=body, timeout=10)
    return answer.status_code, answer.content


def test_a_state_is_kept_by_its_name(server: SandboxServer) -> None:
    assert ask(server, "GET")[0] == 404
    assert ask(server, "POST", body=b'{"serial": 1}')[0] == 200
    assert ask(server, "GET") == (200, b'{"serial": 1}')
    assert ask(server, "GET", "net/other")[0] == 404
    assert ask(server, "DELETE")[0] == 200
    assert ask(server, "GET")[0] == 404


def test_a_second_lock_is_told_who_holds_the_first(server: SandboxServer) -> None:
    assert ask(server, "LOCK", body=ANN)[0] == 200
    assert ask(server, "LOCK", body=BOB) == (423, ANN)
    assert ask(server, "LOCK", "net/other", body=BOB)[0] == 200


def test_only_the_holder_writes(server: SandboxServer) -> None:
    ask(server, "LOCK", body=ANN)
    assert ask(server, "POST", body=b"{}")[0] == 423
    assert ask(server, "POST", "net/default?ID=lock-bob", body=b"{}")[0] == 423
    assert ask(server, "POST", "net/default?ID=lock-ann", body=b"{}")[0] == 200


def test_only_the_holder_unlocks(server: SandboxServer) -> None:
    ask(server, "LOCK", body=ANN)
    assert ask(server, "UNLOCK", body=BOB) == (423, ANN)
    assert ask(server, "LOCK", body=BOB)[0] == 423
    assert ask(server, "UNLOCK", body=ANN)[0] == 200
    assert ask(server, "LOCK", body=BOB)[0] == 200


def test_force_unlock_names_no_lock(server: SandboxServer) -> None:
    ask(server, "LOCK", body=ANN)
    assert ask(server, "UNLOCK")[0] == 200
    assert ask(server, "LOCK", body=BOB)[0] == 200
