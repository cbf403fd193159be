"""A command becomes a run. Autoplan is a command with another author; comments and API come through here too."""

from datetime import datetime

from server.domain.commands import Command, CommandKind
from server.domain.pull import Pull
from server.domain.run import Run, RunState, Trigger
from server.orchestration.messages import AUTOPLAN_KEY, say_run
from server.store.bells import Bell, BellKind
from server.store.ids import new_id
from server.store.unit_of_work import UnitOfWork


def launch(uow: UnitOfWork, pull: Pull, command: Command, *, trigger: Trigger, actor: str, now: datetime) -> Run:
    """Accept a command: its row, its comment, and a bell for whoever begins it.

    Runs of one pull go one after the other. The plan of each new commit is written into one living comment. What a
    person asks for is answered in a comment of its own, and so is what another pull has brought about: people are
    told of new comments, not of changed ones.
    """
    run_id = new_id()
    run = Run(
        id=run_id,
        pull_id=pull.id,
        command=command,
        trigger=trigger,
        actor=actor,
        state=RunState.PENDING,
        head_sha=pull.head_sha,
        base_sha=pull.base_sha,
        created_at=now,
        comment_key=AUTOPLAN_KEY if trigger is Trigger.AUTO and command.kind is CommandKind.PLAN else f"run:{run_id}",
    )
    uow.runs.add(run)
    say_run(uow, run, now=now)
    uow.ring(Bell(BellKind.BEGIN, run.id))
    return run


def supersedes(newer_head: str, run: Run) -> bool:
    """Say whether a push makes a run pointless: plans of an older commit are, applies never."""
    return run.command.kind is CommandKind.PLAN and not run.is_closed and run.head_sha != newer_head
