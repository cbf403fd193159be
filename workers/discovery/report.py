"""Everything that the server wants to know about a commit, put together."""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workers.discovery import hcl
from workers.discovery.cache import Readings
from workers.discovery.graph import Layout, directory_of, module_files, var_files
from workers.discovery.hcl import Problem, Reading
from workers.discovery.inputs import code_inputs
from workers.discovery.outside import ANYTHING, TELLING
from workers.git.client import Entry, Repository
from workers.git.mirror import Mirror
from workers.protocol.jobs import Discover
from workers.protocol.results import CodeInputs, Diagnostic, DiscoverFacts

_LONGEST_LINK = 4096
_PARSING_SECONDS = 30.0  # then the rest is searched instead of parsed; about 50,000 ordinary files


def discover(work: Discover, mirror: Mirror) -> DiscoverFacts:
    """Read from the mirror what a commit contains and what it changed."""
    return mirror.with_commits(work.checkout, lambda repository: _facts(work, repository, cache=repository))


def discover_checkout(work: Discover, repository: Repository, *, tree: str, mirror: Mirror) -> DiscoverFacts:
    """Read from a checkout what it contains after hooks have worked in it, and what the commit changed."""
    return _facts(work, repository, cache=mirror.repository, tree=tree)


def _facts(work: Discover, repository: Repository, *, cache: Repository, tree: str | None = None) -> DiscoverFacts:
    checkout = work.checkout
    base = repository.merge_base(checkout.base_sha, checkout.head_sha) or checkout.base_sha
    changed = repository.changed_files(base, checkout.head_sha)
    if tree is not None and work.include_untracked:
        changed = sorted({*changed, *repository.changed_files("HEAD^{tree}", tree)})
    layout = _layout(repository, tree or checkout.head_sha)
    survey = _Survey(repository, layout, set(changed), _cache_file(cache))
    config_files = survey.config_files(work.config_files)
    modules = module_files(layout.files)
    readings = survey.readings(modules)
    calls = survey.calls(modules, readings)
    removed, removed_config = _removed(work, repository, base, gone=_gone(changed, modules), cache=_cache_file(cache))
    return DiscoverFacts(
        head_sha=checkout.head_sha,
        base_sha=checkout.base_sha,
        changed_files=tuple(changed),
        config_files=config_files,
        module_dirs=tuple(sorted(modules)),
        module_calls=calls,
        var_files=var_files(modules, layout.files),
        problems=tuple(survey.problems),
        removed_dirs=removed,
        base_config_files=removed_config,
        inputs=_inputs(work, repository, base, cache=_cache_file(cache), tree=tree) if work.inputs else None,
    )


def _inputs(work: Discover, repository: Repository, base: str, *, cache: Path, tree: str | None) -> CodeInputs | None:
    """Name what a plan of this commit can read, in the tree that will be checked out for it."""
    checkout = work.checkout
    if tree is None:
        is_behind = checkout.strategy == "merge" and base != checkout.base_sha
        tree = repository.merged_tree(checkout.base_sha, checkout.head_sha) if is_behind else checkout.head_sha
    if tree is None:
        return None
    layout = _layout(repository, tree)
    survey = _Survey(repository, layout, (), cache)
    modules = module_files(layout.files)
    readings = survey.readings(modules, others=TELLING)
    directories = repository.directories(tree)
    calls = survey.calls(modules, readings)
    unread = Reading(parsed=False, reads=(ANYTHING,))
    readings |= {path: unread for paths in modules.values() for path in paths if path not in readings}
    return code_inputs(layout, directories, modules=modules, calls=calls, readings=readings)


def _gone(changed: Iterable[str], modules: Collection[str]) -> set[str]:
    """Find directories of changed code that hold none any more."""
    return {directory for directory in module_files(changed) if directory not in modules}


def _removed(
    work: Discover, repository: Repository, base: str, *, gone: set[str], cache: Path
) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """Say which of these directories were roots at the merge base, and how that commit was configured."""
    if not gone:
        return (), {}
    layout = _layout(repository, base)
    before = _Survey(repository, layout, (), cache)
    modules = module_files(layout.files)
    called = {target for targets in before.calls(modules, before.readings(modules)).values() for target in targets}
    roots = tuple(sorted(gone & modules.keys() - called))
    return roots, before.config_files(work.config_files) if roots else {}


def _layout(repository: Repository, content: str) -> Layout:
    files = {entry.path: entry for entry in repository.files(content)}
    links = [entry for entry in files.values() if entry.is_link and entry.size <= _LONGEST_LINK]
    targets = dict(repository.contents(links))
    return Layout(files, {entry.path: targets[entry.sha].decode("utf-8", "replace") for entry in links})


@dataclass(eq=False)
class _Survey:
    """A commit while it is being read; problems add up."""

    repository: Repository
    layout: Layout
    changed: Collection[str]
    cache_file: Path
    problems: list[Diagnostic] = field(default_factory=list)

    def config_files(self, names: Iterable[str]) -> dict[str, str]:
        """Read the configuration files that exist."""
        wanted = {name: entry for name in names if (entry := self._readable(name)) is not None}
        contents = dict(self.repository.contents(wanted.values()))
        texts: dict[str, str] = {}
        for name, entry in wanted.items():
            try:
                texts[name] = contents[entry.sha].decode("utf-8-sig")
            except UnicodeDecodeError:
                self._note(name, Problem(summary="Is not UTF-8 text"))
        return texts

    def readings(self, modules: Mapping[str, list[str]], *, others: tuple[str, ...] = ()) -> dict[str, Reading]:
        """Read the files of all directories, and any that end in one of `others`."""
        paths = [path for paths in modules.values() for path in paths]
        paths += [path for path in self.layout.files if others and path.endswith(others)]
        return self._readings({path: entry for path in paths if (entry := self._readable(path)) is not None})

    def calls(self, modules: Mapping[str, list[str]], readings: Mapping[str, Reading]) -> dict[str, tuple[str, ...]]:
        """Say for each directory which local directories it calls as modules."""
        calls: dict[str, tuple[str, ...]] = {}
        for directory, paths in modules.items():
            targets = {target for path in paths for target in self._targets(path, readings)}
            if targets - {directory}:
                calls[directory] = tuple(sorted(targets - {directory}))
        return calls

    def _targets(self, path: str, readings: Mapping[str, Reading]) -> Iterator[str]:
        if path not in readings:
            return
        reading = readings[path]
        directory = directory_of(path)
        if reading.problem is not None:
            self._note(path, reading.problem)
        if self.layout.files[path].is_link and (real := self.layout.follow(".", path)) is not None:
            yield directory_of(real)  # a linked file is code of the directory that it really lies in
        for source in reading.sources:
            target = self.layout.follow(directory, source)
            if target is None:
                summary = f"Module source `{source}` leads out of the repository"
                self._note(path, Problem(summary=summary, severity="warning"))
            else:
                yield target

    def _readable(self, path: str) -> Entry | None:
        """Find the content of a path; too large or leading nowhere is a problem, absent is not."""
        entry = self.layout.file(path)
        if entry is None or entry.is_link:
            if path in self.layout.files:
                self._note(path, Problem(summary="A symbolic link to nothing in this repository", severity="warning"))
            return None
        if entry.size > hcl.LARGEST:
            summary = f"Too large to be read here: {entry.size} bytes"
            self._note(path, Problem(summary=summary, severity="warning"))
            return None
        return entry

    def _readings(self, files: Mapping[str, Entry]) -> dict[str, Reading]:
        cache = Readings(self.cache_file)
        keys = {path: f"{entry.sha}{_kind(path)}" for path, entry in files.items()}
        found: dict[str, Reading] = {}
        unknown: dict[str, list[str]] = {}
        for path, key in keys.items():
            reading = cache.get(key, parsed=path in self.changed)
            if reading is None:
                unknown.setdefault(files[path].sha, []).append(path)
            else:
                found[path] = reading
        deadline = time.monotonic() + _PARSING_SECONDS
        wanted = [files[paths[0]] for paths in unknown.values()]
        for sha, content in self.repository.contents(wanted):
            for path in unknown[sha]:
                if time.monotonic() > deadline:
                    found[path] = Reading(sources=hcl.search(path, content), parsed=False, reads=(ANYTHING,))
                    continue
                known = cache.get(keys[path], parsed=path in self.changed)
                found[path] = known or self._read(path, content)
                cache.put(keys[path], found[path])
        cache.save(keys.values())
        return found

    def _read(self, path: str, content: bytes) -> Reading:
        if path.endswith(hcl.SUFFIXES) and (path in self.changed or hcl.may_call_modules(content)):
            return hcl.read(path, content)
        return hcl.glance(content)

    def _note(self, path: str, problem: Problem) -> None:
        self.problems.append(
            Diagnostic(
                severity=problem.severity,
                summary=problem.summary,
                detail=problem.detail,
                file=path,
                line=problem.line,
            )
        )


def _kind(path: str) -> str:
    """Tell the ways apart in which the same content may be read."""
    if not path.endswith(hcl.SUFFIXES):
        return ".text"
    return ".json" if hcl.is_json(path) else ""


def _cache_file(repository: Repository) -> Path:
    return repository.git_dir / "thera-readings.json"  # goes when the mirror goes
