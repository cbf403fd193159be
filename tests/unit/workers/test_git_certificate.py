"""A forge with a certificate of its own authority: trusted for that one command, and the file is gone afterwards."""

import ssl
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.terraform import _write_certificate
from tests.unit.workers.test_git_origin import Origin
from workers.errors import JobFailed
from workers.git.client import Repository
from workers.git.credentials import Remote
from workers.protocol.jobs import Checkout


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    origin = Origin.at(tmp_path / "origin")
    origin.commit({"README.md": "hello"})
    origin.git("update-server-info")
    return origin


@pytest.fixture
def served(origin: Origin, tmp_path: Path) -> Iterator[Checkout]:
    """Serve the repository over TLS, with a certificate that only its own authority vouches for."""
    _write_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(origin.path))) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        head = origin.git("rev-parse", "main")
        url = f"https://localhost:{server.server_port}/.git"
        yield replace(origin.checkout(head, head), clone_url=url, password="t0p-s3cr3t")
        server.shutdown()


@pytest.fixture
def certificate(served: Checkout, tmp_path: Path) -> str:
    del served  # which writes it
    return (tmp_path / "certificate.pem").read_text()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    # As on a worker whose operator set an authority for everything else.
    environment = {"PATH": "/usr/bin:/bin", "GIT_SSL_CAINFO": "/etc/ssl/certs/ca-certificates.crt"}
    return Repository(git_dir=tmp_path / "mirror", environment=environment)


def test_a_certificate_makes_its_forge_reachable(
    repository: Repository, served: Checkout, certificate: str, origin: Origin
) -> None:
    remote = Remote.of(replace(served, ca_certificate=certificate))

    assert repository.resolve(remote, "refs/heads/main") == origin.git("rev-parse", "main")


def test_without_it_the_forge_is_not_spoken_to(repository: Repository, served: Checkout) -> None:
    with pytest.raises(JobFailed) as caught:
        repository.resolve(Remote.of(served), "refs/heads/main")

    assert "certificate" in caught.value.failure.detail


def test_the_certificate_lies_in_a_file_of_ours_for_one_command_only(served: Checkout, certificate: str) -> None:
    with Remote.of(replace(served, ca_certificate=certificate)).settings() as settings:
        file = Path(dict(settings)["http.sslCAInfo"])
        assert file.read_text() == certificate
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    assert not file.exists()


def test_what_is_logged_of_a_remote_names_neither(served: Checkout, certificate: str) -> None:
    text = repr(Remote.of(replace(served, ca_certificate=certificate)))

    assert "CERTIFICATE" not in text
    assert "t0p-s3cr3t" not in text
