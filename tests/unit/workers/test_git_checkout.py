"""A job's commit on disk: exact, at a stable place, alone there, and never beyond it."""

import multiprocessing
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.workers.test_git_origin import Origin
from workers.errors import JobCancelled, JobFailed
from workers.git.checkout import checked_out
from workers.git.mirror import Mirror
from workers.git.paths import checkout_path, resolve_inside
from workers.protocol.jobs import Checkout, ProjectKey
from workers.protocol.results import FailureKind


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    origin = Origin.at(tmp_path / "origin")
    origin.commit({"prod/main.tf": "# one\n", "modules/net/main.tf": "# net\n"})
    return origin


@pytest.fixture
def pull(origin: Origin) -> Checkout:
    return origin.pull(7, {"prod/main.tf": "# two\n"})


@pytest.fixture
def mirror(origin: Origin, pull: Checkout, tmp_path: Path) -> Mirror:
    return origin.mirror(pull, tmp_path / "cache")


def place(root: Path, checkout: Checkout, directory: str = "prod") -> Path:
    return checkout_path(root, checkout, ProjectKey(dir=directory))


def listing(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): file.read_text()
        for file in folder.rglob("*")
        if file.is_file() and ".git" not in file.relative_to(folder).parts
    }


def test_a_checkout_holds_the_commit_and_nothing_else(mirror: Mirror, pull: Checkout, tmp_path: Path) -> None:
    path = place(tmp_path, pull)

    with checked_out(pull, path=path, mirror=mirror) as folder:
        assert folder == path
        assert listing(folder) == {"prod/main.tf": "# two\n", "modules/net/main.tf": "# net\n"}


def test_a_second_job_at_the_same_place_finds_no_trace_of_the_first(
    origin: Origin, mirror: Mirror, pull: Checkout, tmp_path: Path
) -> None:
    path = place(tmp_path, pull)
    with checked_out(pull, path=path, mirror=mirror) as folder:
        (folder / "prod/main.tf").write_text("# evil\n")
        (folder / "modules/net/main.tf").unlink()
        (folder / "prod/.terraform/x").mkdir(parents=True)
        (folder / "prod/.gitignore").write_text("*\n")
        (folder / "nested/.git").mkdir(parents=True)
        (folder / "nested/.git/HEAD").write_text("ref: refs/heads/x\n")
        (folder / ".git/hooks").mkdir()
        (folder / ".git/hooks/post-checkout").write_text("#!/bin/sh\ntouch hacked\n")
        (folder / ".git/hooks/post-checkout").chmod(0o755)
        (folder / ".git/config").write_text("[core]\n\tfsmonitor = touch hacked\n")

    newer = origin.pull(7, {"prod/main.tf": "# three\n"})
    with checked_out(newer, path=path, mirror=mirror) as folder:
        assert listing(folder) == {"prod/main.tf": "# three\n", "modules/net/main.tf": "# net\n"}
        assert not (folder / "nested").exists()


def test_after_a_job_nothing_of_it_stays_on_disk(mirror: Mirror, pull: Checkout, tmp_path: Path) -> None:
    path = place(tmp_path, pull)
    with checked_out(pull, path=path, mirror=mirror) as folder:
        (folder / "tfplan").write_text("secret")

    assert "tfplan" not in listing(path)


def test_an_index_that_a_job_rewrote_is_not_trusted(mirror: Mirror, pull: Checkout, tmp_path: Path) -> None:
    path = place(tmp_path, pull)
    with checked_out(pull, path=path, mirror=mirror) as folder:
        work = replace(mirror.repository, git_dir=folder / ".git", work_tree=folder)
        (folder / "prod/main.tf").write_text("# evil\n")
        work.git("update-index", "--skip-worktree", "prod/main.tf")

    assert not path.exists()
    with checked_out(pull, path=path, mirror=mirror) as folder:
        assert (folder / "prod/main.tf").read_text() == "# two\n"


def test_what_a_killed_worker_left_is_not_trusted(mirror: Mirror, pull: Checkout, tmp_path: Path) -> None:
    path = place(tmp_path, pull)
    path.mkdir(parents=True)
    (path / "prod").write_text("a file where a directory belongs")
    (path / "x.tf").symlink_to("/etc/passwd")

    with checked_out(pull, path=path, mirror=mirror) as folder:
        assert listing(folder) == {"prod/main.tf": "# two\n", "modules/net/main.tf": "# net\n"}


def test_another_project_takes_a_finished_checkout_over(mirror: Mirror, pull: Checkout, tmp_path: Path) -> None:
    first, second = place(tmp_path, pull), place(tmp_path, pull, "modules/net")
    with checked_out(pull, path=first, mirror=mirror) as folder:
        inode = (folder / "prod/main.tf").stat().st_ino

    with checked_out(pull, path=second, mirror=mirror) as folder:
        assert (folder / "prod/main.tf").stat().st_ino == inode
        assert not first.exists()


def test_only_a_few_checkouts_stay_on_disk(mirror: Mirror, pull: Checkout, tmp_path: Path) -> None:
    stranger = place(tmp_path, pull).parent / "stranger"
    stranger.mkdir(parents=True)
    release = threading.Barrier(6)

    def job(number: int) -> None:
        path = place(tmp_path, pull, f"p{number}")
        with checked_out(pull, path=path, mirror=mirror, spares=2):
            release.wait()

    threads = [threading.Thread(target=job, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with checked_out(pull, path=place(tmp_path, pull), mirror=mirror, spares=2):
        pass

    left = [folder for folder in stranger.parent.iterdir() if folder.is_dir()]
    assert len(left) == 3
    assert stranger in left


def test_a_job_waits_for_another_one_at_the_same_place(mirror: Mirror, pull: Checkout, tmp_path: Path) -> None:
    path = place(tmp_path, pull)
    cancel = threading.Event()
    impatient = replace(mirror, repository=replace(mirror.repository, cancel=cancel))
    threading.Timer(0.2, cancel.set).start()

    with checked_out(pull, path=path, mirror=mirror), pytest.raises(JobCancelled):  # noqa: SIM117
        with checked_out(pull, path=path, mirror=impatient):
            pytest.fail("two jobs in one place")


def test_a_cancelled_job_still_cleans_up(mirror: Mirror, pull: Checkout, tmp_path: Path) -> None:
    cancel = threading.Event()
    path = place(tmp_path, pull)
    with checked_out(pull, path=path, mirror=replace(mirror, repository=replace(mirror.repository, cancel=cancel))):
        (path / "tfplan").touch()
        cancel.set()

    assert not (path / "tfplan").exists()
    assert (path / "prod/main.tf").exists()


# Merging


def merging(pull: Checkout, origin: Origin) -> Checkout:
    return replace(pull, strategy="merge", base_sha=origin.git("rev-parse", "main"))


def test_merging_puts_the_head_on_top_of_the_base(
    origin: Origin, mirror: Mirror, pull: Checkout, tmp_path: Path
) -> None:
    origin.commit({"dev/main.tf": "# dev\n"})
    checkout = merging(pull, origin)

    with checked_out(checkout, path=place(tmp_path, pull), mirror=mirror) as folder:
        assert listing(folder) == {
            "prod/main.tf": "# two\n",
            "modules/net/main.tf": "# net\n",
            "dev/main.tf": "# dev\n",
        }


def test_merging_twice_gives_the_same_commit(origin: Origin, mirror: Mirror, pull: Checkout, tmp_path: Path) -> None:
    origin.commit({"dev/main.tf": "# dev\n"})
    checkout = merging(pull, origin)
    heads = set[str]()

    for root in (tmp_path / "a", tmp_path / "b"):
        with checked_out(checkout, path=place(root, pull), mirror=mirror) as folder:
            heads.add(replace(mirror.repository, git_dir=folder / ".git").head())
        time.sleep(1)  # a commit's date has seconds

    assert len(heads) == 1


def test_merging_what_needs_no_merge_gives_the_head(
    origin: Origin, mirror: Mirror, pull: Checkout, tmp_path: Path
) -> None:
    with checked_out(merging(pull, origin), path=place(tmp_path, pull), mirror=mirror) as folder:
        assert replace(mirror.repository, git_dir=folder / ".git").head() == pull.head_sha


def test_a_conflict_names_the_files(origin: Origin, mirror: Mirror, pull: Checkout, tmp_path: Path) -> None:
    origin.commit({"prod/main.tf": "# other\n"})
    path = place(tmp_path, pull)

    with pytest.raises(JobFailed) as caught, checked_out(merging(pull, origin), path=path, mirror=mirror):
        pytest.fail("there is a conflict")

    failure = caught.value.failure
    assert failure.kind is FailureKind.GIT
    assert failure.summary == "The branch conflicts with `main` in 1 file"
    assert failure.detail == "prod/main.tf"
    with checked_out(pull, path=path, mirror=mirror) as folder:
        assert (folder / "prod/main.tf").read_text() == "# two\n"


@pytest.mark.parametrize("lost", ["prod", "prod/main.tf"])
def test_a_checkout_from_a_damaged_mirror_repairs_it(mirror: Mirror, pull: Checkout, tmp_path: Path, lost: str) -> None:
    mirror.with_commits(pull, lambda _: None)
    sha = mirror.repository.git("rev-parse", f"{pull.head_sha}:{lost}").decode().strip()
    (mirror.directory / "objects" / sha[:2] / sha[2:]).unlink()

    with checked_out(pull, path=place(tmp_path, pull), mirror=mirror) as folder:
        assert (folder / "prod/main.tf").read_text() == "# two\n"


# Many at once


def _job(pull: Checkout, root: Path, number: int) -> str:
    mirror = Mirror.of(pull, cache_dir=root / "cache", environment=dict(os.environ))
    found = ""
    for turn in range(3):
        path = place(root, pull, f"p{number}-{turn}")
        with checked_out(pull, path=path, mirror=mirror) as folder:
            found = (folder / "prod/main.tf").read_text()
            (folder / "junk").touch()
            assert sorted(item.name for item in folder.iterdir()) == [".git", "junk", "modules", "prod"]
    return found


def test_eight_threads_check_out_different_projects_at_once(pull: Checkout, tmp_path: Path) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda number=number: found.append(_job(pull, tmp_path, number))) for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == ["# two\n"] * 8


def test_eight_processes_check_out_different_projects_at_once(pull: Checkout, tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(8) as pool:
        found = pool.starmap(_job, [(pull, tmp_path, number) for number in range(8)])

    assert found == ["# two\n"] * 8


# Places


def test_a_place_is_readable_stable_and_different_for_every_project(pull: Checkout, tmp_path: Path) -> None:
    projects = [
        ProjectKey(dir="a/b"),
        ProjectKey(dir="a-b"),
        ProjectKey(dir="a", workspace="b"),
        ProjectKey(dir="a/b", name="a"),
        ProjectKey(dir="../../x"),
        None,
    ]

    places = [checkout_path(tmp_path, pull, project) for project in projects]

    assert len(set(places)) == len(projects)
    assert places[0] == checkout_path(tmp_path, replace(pull, head_sha="0" * 40), ProjectKey(dir="a/b"))
    assert places[0].name.startswith("7-a-b-")
    assert places[0].parent.name.startswith("acme-infra-")
    assert places[0] != checkout_path(tmp_path, replace(pull, pull_number=8), ProjectKey(dir="a/b"))


@given(
    names=st.tuples(st.text(), st.text(min_size=1), st.none() | st.text()),
    repository=st.text(min_size=1),
)
def test_no_name_leads_a_place_out_of_its_root(names: tuple[str, str, str | None], repository: str) -> None:
    directory, workspace, name = names
    checkout = Checkout(
        host="h",
        repo=repository,
        clone_url="https://h/r",
        head_sha="",
        head_ref="",
        base_sha="",
        base_ref="",
        pull_number=1,
    )

    path = checkout_path(Path("/data"), checkout, ProjectKey(dir=directory, workspace=workspace, name=name))

    assert path.parent.parent == Path("/data/checkouts")
    assert all(part.isascii() and not part.startswith((".", "-")) for part in path.parts[3:])
    assert len(path.name) <= 60


# Directories


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "a/b").mkdir(parents=True)
    (root / "file").touch()
    (tmp_path / "outside").mkdir()
    (root / "in").symlink_to("a/b")
    (root / "out").symlink_to("../outside")
    (root / "far").symlink_to("/etc")
    (root / "a/up").symlink_to("../..")
    (root / "loop").symlink_to("loop")
    return root


@pytest.mark.parametrize(("directory", "leads_to"), [(".", "."), ("a/b", "a/b"), ("./a//b/", "a/b"), ("in", "a/b")])
def test_directories_inside_are_found(tree: Path, directory: str, leads_to: str) -> None:
    assert resolve_inside(tree, directory) == (tree / leads_to).resolve()


@pytest.mark.parametrize(
    "directory",
    ["..", "a/../..", "a/..", "/etc", "out", "far", "a/up", "a/up/outside", "loop", "none", "file", "a\0b", "x" * 999],
)
def test_directories_outside_are_refused(tree: Path, directory: str) -> None:
    with pytest.raises(JobFailed) as caught:
        resolve_inside(tree, directory)

    assert caught.value.failure.kind is FailureKind.SOURCE


@given(st.text(alphabet="ab./in out\\\0ü") | st.text())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_directory_name_escapes(tree: Path, directory: str) -> None:
    try:
        found = resolve_inside(tree, directory)
    except JobFailed:
        return

    assert found.is_relative_to(tree)


def test_a_hostile_repository_runs_nothing_and_escapes_nowhere(origin: Origin, mirror: Mirror, tmp_path: Path) -> None:
    (origin.path / "out").symlink_to(tmp_path)
    marker = tmp_path / "hacked"
    origin.commit(
        {
            ".gitattributes": "* filter=evil merge=evil diff=evil\n",
            ".gitmodules": f'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c "touch {marker}"\n',
            ".lfsconfig": f"[lfs]\n\turl = ext::touch {marker}\n",
            "big.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        }
    )
    pull = origin.pull(9, {"prod/main.tf": "# evil\n"})

    with checked_out(pull, path=place(tmp_path, pull), mirror=mirror) as folder:
        assert (folder / "big.bin").read_text().startswith("version ")
        with pytest.raises(JobFailed):
            resolve_inside(folder, "out")

    assert not marker.exists()


def test_a_checkout_is_quick(origin: Origin, mirror: Mirror, tmp_path: Path) -> None:
    origin.commit({f"p{number}/main.tf": f"# {number}\n" * 20 for number in range(1000)})
    pull = origin.pull(9, {"p0/main.tf": "# changed\n"})
    seconds = dict[str, float]()

    for what in ("first, with fetch", "taken over"):
        started = time.perf_counter()
        with checked_out(pull, path=place(tmp_path, pull, what), mirror=mirror):
            seconds[what] = time.perf_counter() - started
        seconds[f"{what}, and left"] = time.perf_counter() - started

    print({what: f"{value * 1000:.0f} ms" for what, value in seconds.items()})
    assert max(seconds.values()) < 10
