"""Releases from a mirror: fetched once, and used only if their publisher signed them."""

import hashlib
import io
import json
import platform
import shutil
import subprocess
import sys
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pysequoia import SignatureMode, Tsk, sign

from tests.unit.workers.test_execute_bench import Bench, plan_of
from workers.errors import JobFailed
from workers.protocol.jobs import Step, TerraformChoice, Version
from workers.protocol.results import FailureKind, VersionFacts
from workers.terraform.binary import Binary, Distribution, Mirror, find

MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
SCRIPT = '#!/bin/sh\necho \'{"terraform_version": "1.5.7"}\'\n'
COMMANDS: dict[Distribution, str] = {"terraform": "terraform", "opentofu": "tofu"}


class Releases(ThreadingHTTPServer):
    """Serves signed releases in the layout of releases.hashicorp.com, and counts who asks."""

    def __init__(self, folder: Path) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: Counter[str] = Counter()
        self.signer = Tsk.generate("Releases <releases@example.com>")
        self.keys = folder / "keys.asc"
        self.keys.write_text(str(self.signer.extract_certificate()))
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def mirror(self) -> Mirror:
        return Mirror(url=self.url, keys=self.keys)

    def release(
        self,
        version: str,
        members: dict[str, str],
        *,
        command: str = "terraform",
        folder: str | None = None,
        signer: Tsk | None = None,
        suffix: str = "sig",
    ) -> str:
        """Publish a release; gives the path of its sums."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, text in members.items():
                archive.writestr(name, text)
        name = f"{command}_{version}_linux_{MACHINE}.zip"
        base = folder or f"/{command}/{version}"
        sums = f"{hashlib.sha256(buffer.getvalue()).hexdigest()}  {name}\n".encode()
        path = f"{base}/{command}_{version}_SHA256SUMS"
        self.files[f"{base}/{name}"] = buffer.getvalue()
        self.files[path] = sums
        self.files[f"{path}.{suffix}"] = sign((signer or self.signer).signer(), sums, mode=SignatureMode.DETACHED)
        return path


class _Handler(BaseHTTPRequestHandler):
    server: Releases

    def do_GET(self) -> None:
        self.server.asked[self.path] += 1
        content = self.server.files.get(self.path)
        self.send_response(404 if content is None else 200)
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def releases(tmp_path: Path) -> Iterator[Releases]:
    with Releases(tmp_path) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def found(tmp_path: Path, version: str, mirror: Mirror, distribution: Distribution = "terraform") -> Binary:
    return find(distribution, version, environment={"PATH": ""}, data_dir=tmp_path / "data", mirror=mirror)


def nothing_in(tmp_path: Path) -> bool:
    return not [file for file in (tmp_path / "data" / "bin").glob("*") if not file.name.endswith(".lock")]


def test_a_release_is_downloaded_once_however_many_want_it(tmp_path: Path, releases: Releases) -> None:
    releases.release("1.5.7", {"terraform": SCRIPT, "../../evil": "x"})

    with ThreadPoolExecutor(8) as pool:
        places = {one.path for one in pool.map(lambda _: found(tmp_path, "1.5.7", releases.mirror), range(8))}

    assert [place.read_text() for place in places] == [SCRIPT]
    assert set(releases.asked.values()) == {1}
    assert not list(tmp_path.rglob("evil"))


def test_also_by_several_processes(tmp_path: Path, releases: Releases) -> None:
    releases.release("1.5.7", {"terraform": SCRIPT})
    program = (
        "import sys; from pathlib import Path; from workers.terraform.binary import Mirror, find; "
        "find('terraform', '1.5.7', environment={'PATH': ''}, data_dir=Path(sys.argv[1]), "
        "mirror=Mirror(url=sys.argv[2], keys=Path(sys.argv[3])))"
    )
    words = [sys.executable, "-c", program, str(tmp_path / "data"), releases.url, str(releases.keys)]

    workers = [subprocess.Popen(words, cwd=Path(__file__).parents[3]) for _ in range(3)]

    assert [one.wait(60) for one in workers] == [0, 0, 0]
    assert set(releases.asked.values()) == {1}


def test_two_versions_downloaded_at_once_do_not_mix(tmp_path: Path, releases: Releases) -> None:
    versions = [f"1.5.{number}" for number in range(8)]
    for version in versions:
        releases.release(version, {"terraform": version})

    with ThreadPoolExecutor(8) as pool:
        texts = [one.path.read_text() for one in pool.map(lambda one: found(tmp_path, one, releases.mirror), versions)]

    assert texts == versions


def test_terraform_and_opentofu_of_one_number_do_not_mix(tmp_path: Path, releases: Releases) -> None:
    releases.release("1.8.0", {"terraform": "terraform"})
    releases.release("1.8.0", {"tofu": "tofu"}, command="tofu", suffix="gpgsig")

    texts = [found(tmp_path, "1.8.0", releases.mirror, kind).path.read_text() for kind in COMMANDS]

    assert texts == ["terraform", "tofu"]


def test_a_release_that_is_not_what_was_signed_is_not_used(tmp_path: Path, releases: Releases) -> None:
    sums = releases.release("1.5.7", {"terraform": SCRIPT})
    other = releases.release("1.5.8", {"terraform": "evil"})
    archive = f"/terraform/1.5.7/terraform_1.5.7_linux_{MACHINE}.zip"
    releases.files[archive] = releases.files[archive.replace("1.5.7", "1.5.8")]

    with pytest.raises(JobFailed, match="does not match the checksums"):
        found(tmp_path, "1.5.7", releases.mirror)

    # Sums that fit the altered archive, but that nobody signed.
    releases.files[sums] = releases.files[other].replace(b"1.5.8", b"1.5.7")
    with pytest.raises(JobFailed, match="is not signed by a key") as caught:
        found(tmp_path, "1.5.7", releases.mirror)
    assert caught.value.failure.kind is FailureKind.BINARY
    assert nothing_in(tmp_path)


def test_what_somebody_else_signed_is_not_used(tmp_path: Path, releases: Releases) -> None:
    releases.release("1.5.7", {"terraform": SCRIPT}, signer=Tsk.generate("Mallory <m@example.com>"))

    with pytest.raises(JobFailed, match="is not signed by a key") as caught:
        found(tmp_path, "1.5.7", releases.mirror)

    assert releases.signer.extract_certificate().fingerprint.upper() in caught.value.failure.detail
    assert nothing_in(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n"]
)
def test_a_signature_that_is_none_is_not_believed(tmp_path: Path, releases: Releases, content: bytes) -> None:
    releases.files[releases.release("1.5.7", {"terraform": SCRIPT}) + ".sig"] = content

    with pytest.raises(JobFailed, match="is not signed by a key"):
        found(tmp_path, "1.5.7", releases.mirror)


def test_a_release_without_a_signature_is_not_used(tmp_path: Path, releases: Releases) -> None:
    del releases.files[releases.release("1.5.7", {"terraform": SCRIPT}) + ".sig"]

    with pytest.raises(JobFailed, match="Cannot download"):
        found(tmp_path, "1.5.7", releases.mirror)
    assert nothing_in(tmp_path)


def test_an_archive_without_the_binary_is_not_used(tmp_path: Path, releases: Releases) -> None:
    releases.release("1.5.7", {"other": "x"})

    with pytest.raises(JobFailed, match="holds no terraform"):
        found(tmp_path, "1.5.7", releases.mirror)
    assert nothing_in(tmp_path)


def test_without_keys_nothing_is_downloaded_and_the_way_on_is_said(tmp_path: Path, releases: Releases) -> None:
    releases.release("1.5.7", {"terraform": SCRIPT})

    with pytest.raises(JobFailed, match="does not know whose signature to trust") as caught:
        found(tmp_path, "1.5.7", Mirror(url=releases.url))

    assert "THERA_TERRAFORM_SIGNING_KEYS" in caught.value.failure.detail
    assert not releases.asked


def test_several_keys_may_be_trusted_in_one_file_or_a_folder(tmp_path: Path, releases: Releases) -> None:
    other = Tsk.generate("Other <o@example.com>").extract_certificate()
    releases.keys.write_text(f"{other}\n{releases.keys.read_text()}")
    releases.release("1.5.7", {"terraform": SCRIPT})
    releases.release("1.5.8", {"terraform": SCRIPT})
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "a.pgp").write_bytes(bytes(other))
    (folder / "b.pgp").write_bytes(bytes(releases.signer.extract_certificate()))

    assert found(tmp_path, "1.5.7", releases.mirror).version == "1.5.7"
    assert found(tmp_path, "1.5.8", Mirror(url=releases.url, keys=folder)).version == "1.5.8"


@pytest.mark.parametrize("content", [None, "", "no key at all"])
def test_a_file_of_keys_that_holds_none_is_said_to(tmp_path: Path, releases: Releases, content: str | None) -> None:
    releases.release("1.5.7", {"terraform": SCRIPT})
    if content is None:
        releases.keys.unlink()
    else:
        releases.keys.write_text(content)

    with pytest.raises(JobFailed, match="THERA_TERRAFORM_SIGNING_KEYS"):
        found(tmp_path, "1.5.7", releases.mirror)


@pytest.mark.skipif(shutil.which("gpg") is None, reason="needs GnuPG")
def test_a_signature_by_gnupg_is_believed_as_well(tmp_path: Path, releases: Releases) -> None:
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    sums = releases.release("1.5.7", {"terraform": SCRIPT})

    def gpg(*words: str, stdin: bytes = b"") -> bytes:
        options = ["gpg", "--homedir", str(home), "--batch", "--pinentry-mode", "loopback", "--passphrase", ""]
        return subprocess.run([*options, *words], input=stdin, capture_output=True, check=True).stdout

    gpg("--quick-generate-key", "Releases <r@example.com>", "rsa2048", "sign", "never")
    releases.keys.write_bytes(gpg("--armor", "--export"))
    releases.files[f"{sums}.sig"] = gpg("--detach-sign", stdin=releases.files[sums])

    assert found(tmp_path, "1.5.7", releases.mirror).path.read_text() == SCRIPT


def test_a_mirror_may_have_another_layout(tmp_path: Path, releases: Releases) -> None:
    releases.release("1.8.0", {"tofu": SCRIPT}, command="tofu", folder="/opentofu/download/v1.8.0", suffix="gpgsig")
    mirror = Mirror(url=f"{releases.url}/opentofu/download/v{{version}}", keys=releases.keys)

    assert found(tmp_path, "1.8.0", mirror, "opentofu").version == "1.8.0"


def test_opentofus_own_signature_comes_first(tmp_path: Path, releases: Releases) -> None:
    sums = releases.release("1.8.0", {"tofu": SCRIPT}, command="tofu", suffix="gpgsig")
    releases.files[f"{sums}.sig"] = b"a signature of another kind"

    assert found(tmp_path, "1.8.0", releases.mirror, "opentofu").version == "1.8.0"


def bench_of(tmp_path: Path, releases: Releases, **more: str | None) -> Bench:
    bench = Bench(tmp_path, environment={"PATH": "/usr/bin:/bin"})
    bench.changes = {"terraform_download_url": releases.url, "terraform_signing_keys": releases.keys, **more}
    return bench


def test_a_range_gets_the_newest_release_that_fits(tmp_path: Path, releases: Releases) -> None:
    for version in ("1.5.2", "1.5.10", "1.6.0", "1.5.11-rc1"):
        releases.release(version, {"terraform": "#!/bin/sh\n"})
    listing = {"versions": dict.fromkeys(["1.5.2", "1.5.10", "1.6.0", "1.5.11-rc1", "nonsense"])}
    releases.files["/terraform/index.json"] = json.dumps(listing).encode()
    bench = bench_of(tmp_path, releases)
    code = 'terraform {\n  required_version = "~> 1.5.0"\n}\n'

    bench.do(plan_of(bench.pull({"prod/main.tf": code}), Step(name="run", command="echo $ATLANTIS_TERRAFORM_VERSION")))

    assert "1.5.10\n" in bench.gateway.log("job-1")


def test_a_default_version_is_one_of_the_default_distribution(tmp_path: Path, releases: Releases) -> None:
    bench = bench_of(tmp_path, releases, terraform_version="1.5.7")
    releases.release("1.5.7", {"terraform": SCRIPT})

    first = bench.do(Version())
    second = bench.do(Version(terraform=TerraformChoice(distribution="opentofu")))

    assert first.facts == VersionFacts(terraform_version="1.5.7", distribution="terraform")
    assert second.failure is not None
    assert "has no tofu:" in second.failure.summary
