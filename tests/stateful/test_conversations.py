"""People, workers and the network do anything in any order; what was promised holds all the same."""

import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from server.domain.pull import Pull, PullState
from tests.support.scripted_worker import BROKEN
from tests.support.story import Story

DIRS = ("prod", "dev")
COMMANDS = (
    "plan",
    "thera plan -d prod",
    "apply",
    "thera apply -d dev",
    "thera unlock",
    "thera cancel",
    "thera version",
)
places = st.lists(st.sampled_from(DIRS), min_size=1, unique=True)
numbers = st.integers(min_value=0, max_value=3)


class Conversations(RuleBasedStateMachine):
    """One installation and up to four pulls on the same projects."""

    story: Story
    pulls: list[Pull]

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.story = Story(f"sqlite:///{Path(self.folder.name) / 'thera.db'}")
        self.pulls = []
        self.commands: list[tuple[Pull, str]] = []

    def pick(self, number: int) -> Pull:
        return self.story.forge.conversations[self.pulls[number % len(self.pulls)].ref].pull

    @precondition(lambda self: len(self.pulls) < 4)
    @rule(where=places)
    def open(self, where: list[str]) -> None:
        self.pulls.append(self.story.open_pull(*(f"{place}/main.tf" for place in where)))

    @precondition(lambda self: self.pulls)
    @rule(number=numbers, where=places, announced=st.booleans())
    def push(self, number: int, where: list[str], announced: bool) -> None:  # noqa: FBT001  (hypothesis calls it)
        pull = self.pick(number)
        if pull.is_open:
            self.story.push(pull, *(f"{place}/main.tf" for place in where), announce=announced)

    @precondition(lambda self: self.pulls)
    @rule(number=numbers, words=st.sampled_from(COMMANDS))
    def comment(self, number: int, words: str) -> None:
        pull = self.pick(number)
        self.commands.append((pull, self.story.comment(pull, words)))

    @precondition(lambda self: self.pulls)
    @rule(number=numbers, merged=st.booleans())
    def close(self, number: int, merged: bool) -> None:  # noqa: FBT001  (hypothesis calls it)
        pull = self.pick(number)
        if pull.is_open:
            (self.story.merge if merged else self.story.close_pull)(pull)

    @rule(steps=st.integers(min_value=1, max_value=6))
    def go_on(self, steps: int) -> None:
        for _ in range(steps):
            self.story.step()

    @rule()
    def lose_every_message(self) -> None:
        self.story.lose_bells()

    @rule(seconds=st.sampled_from((1, 16, 31)))
    def wait(self, seconds: int) -> None:
        self.story.pass_time(timedelta(seconds=seconds))

    @rule(where=st.sampled_from(DIRS), dies=st.booleans(), fails=st.booleans())
    def change_fortune(self, where: str, dies: bool, fails: bool) -> None:  # noqa: FBT001  (hypothesis calls it)
        worker = self.story.worker
        (worker.silent.add if dies else worker.silent.discard)(where)
        if fails:
            worker.applies[where] = BROKEN
        else:
            worker.applies.pop(where, None)

    @invariant()
    def no_apply_starts_twice(self) -> None:
        if hasattr(self, "story"):
            started = [one.job_id for one in self.story.worker.seen if one.work.phase == "apply"]
            assert len(started) == len(set(started))

    @invariant()
    def one_pull_holds_a_lock(self) -> None:
        if hasattr(self, "story"):
            locked = self.story.locked()
            assert len(locked) == len(set(locked))

    def teardown(self) -> None:
        if not hasattr(self, "story"):
            return
        self.story.worker.silent.clear()
        for _ in range(12):  # everything comes to rest, whatever was lost
            self.story.settle()
            self.story.pass_time(timedelta(seconds=31))
        self.story.settle()
        self.everything_is_answered()
        self.closed_pulls_hold_nothing()
        self.story.close()
        self.folder.cleanup()

    def everything_is_answered(self) -> None:
        with self.story.store.reading() as uow:
            assert uow.runs.unfinished(limit=100) == []
            for pull, comment in self.commands:
                stored = uow.pulls.by_ref(pull.ref)
                assert stored is not None
                assert any(
                    uow.outbox.get(pull_id=stored.id, kind=kind, key=key) is not None
                    for kind, key in (("reaction", comment), ("comment", f"answer:{comment}"))
                )
            assert uow.outbox.pulls_due(now=self.story.now, limit=100) == []

    def closed_pulls_hold_nothing(self) -> None:
        with self.story.store.reading() as uow:
            for pull in self.pulls:
                stored = uow.pulls.by_ref(pull.ref)
                assert stored is not None
                if self.pick(self.pulls.index(pull)).state is not PullState.OPEN:
                    assert list(uow.locks.of_pull(stored.id)) == []
                    assert list(uow.locks.waiting_for(stored.id)) == []


TestConversations = Conversations.TestCase
TestConversations.settings = settings(max_examples=25, stateful_step_count=25, deadline=None, derandomize=True)
