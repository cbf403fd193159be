"""Every place for artifacts keeps the same promises."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from server.artifacts.base import ArtifactStore, Gone
from server.artifacts.store import open_store
from server.domain.errors import Defect, TryLater, UserMistake


@pytest.fixture(params=["file", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    return open_store(f"file://{tmp_path}/plans%20here" if request.param == "file" else "memory://")


def test_bytes_come_back_as_they_were_put_last(place: ArtifactStore) -> None:
    place.put("plans/a/b", b"old")
    place.put("plans/a/b", b"\x00new")

    assert place.get("plans/a/b") == b"\x00new"


def test_what_is_not_there_is_gone_and_may_be_deleted_again(place: ArtifactStore) -> None:
    place.put("a/b", b"x")
    place.delete("a/b")
    place.delete("a/b")

    with pytest.raises(Gone):
        place.get("a/b")


@pytest.mark.parametrize("key", ["", "/etc/x", "../x", "a/../b", "a//b", "a/", "a\\b", "A", "a/.b", "a\x00", "a\n"])
def test_a_key_cannot_leave_the_place(place: ArtifactStore, key: str) -> None:
    with pytest.raises(Defect):
        place.put(key, b"")
    with pytest.raises(Defect):
        place.get(key)
    with pytest.raises(Defect):
        place.delete(key)


def test_a_place_that_works_passes_its_check(place: ArtifactStore) -> None:
    place.check()


def test_files_are_for_the_server_alone(tmp_path: Path) -> None:
    open_store(f"file://{tmp_path}/data/plans").put("a/b", b"x")

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").rglob("*")}
    assert modes == {"plans": 0o700, "a": 0o700, "b": 0o600}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_a_reader_sees_the_old_or_the_new_file_never_a_part(tmp_path: Path) -> None:
    place = open_store(f"file://{tmp_path}")
    versions = [bytes([number]) * 500_000 for number in range(4)]
    place.put("a/b", versions[0])

    def write() -> None:
        for version in versions * 5:
            place.put("a/b", version)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while not writing.done():
            assert place.get("a/b") in versions

    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_deleting_the_last_file_takes_its_folder_along(tmp_path: Path) -> None:
    place = open_store(f"file://{tmp_path}")
    place.put("a/b", b"x")
    place.delete("a/b")

    assert list(tmp_path.iterdir()) == []


def test_a_path_that_is_a_file_is_a_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises((UserMistake, TryLater)):
        open_store(f"file://{tmp_path}/file").put("a/b", b"x")


@pytest.mark.parametrize("url", ["ftp://x/y", "file://relative/path", "plain", "az://container/x"])
def test_a_url_that_cannot_work_is_a_users_mistake(url: str) -> None:
    with pytest.raises(UserMistake, match="ARTIFACT_URL"):
        open_store(url)


def test_a_bucket_that_does_not_answer_means_try_later(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "nowhere",
    }.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(TryLater, match="does not answer"):
        open_store("s3://bucket/prefix").get("a/b")
