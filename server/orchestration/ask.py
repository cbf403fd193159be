"""What a program asks for becomes a run: past the gates that a comment passes, its author's rights excepted."""

from dataclasses import dataclass

from server.domain.commands import Command
from server.domain.errors import Refused, UserMistake
from server.domain.pull import Pull
from server.domain.refs import PullRef
from server.domain.run import Run, Trigger
from server.orchestration.authority import why_no_program_may, why_not_ours, why_not_so
from server.orchestration.context import Context
from server.orchestration.launch import launch

_BRANCHES = "refs/heads/"


class NoSuchPull(UserMistake):
    """The forge knows no such pull request."""


class NotThatCommit(UserMistake):
    """The pull request is not where the program believes it to be."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A command on a pull, and where the program believes the pull to be.

    `forge` is a kind of forge and `repo` a full name, with or without its host. `ref` is the head, as a branch or a
    commit, and `base_ref` the base branch; each may be empty.
    """

    forge: str
    repo: str
    number: int
    command: Command
    ref: str = ""
    base_ref: str = ""


def ask(ctx: Context, wish: Wish, *, actor: str) -> Run:
    """Accept what a program asks for.

    Raises:
        UserMistake: it does not fit what there is; `NoSuchPull` and `NotThatCommit` are kinds of that.
        Refused: a rule of the operator's is in the way.
        TryLater: the forge does not answer.
    """
    repo = ctx.forges.repo_named(wish.forge, wish.repo)
    if not ctx.allowlist.allows(repo):
        raise Refused(f"{repo} is not on this server's allowlist (THERA_REPO_ALLOWLIST).")
    _obey_or_refuse(why_no_program_may(ctx, wish.command))
    pull = _read(ctx, PullRef(repo, wish.number))
    _obey_or_refuse(why_not_ours(ctx, pull, automatic=False))
    _obey_or_refuse(why_not_so(ctx, pull, wish.command))
    _insist_on_place(wish, pull)
    with ctx.store.transaction() as uow:
        stored = uow.pulls.upsert(pull)
        uow.pulls.get_for_update(stored.id)
        return launch(uow, stored, wish.command, trigger=Trigger.API, actor=actor, now=ctx.clock())


def _obey_or_refuse(reason: str | None) -> None:
    if reason:
        raise Refused(f"{reason[0].upper()}{reason[1:]}." if reason[0].isalpha() else f"{reason}.")


def _read(ctx: Context, ref: PullRef) -> Pull:
    forge = ctx.forges.of(ref.repo)
    try:
        pull = forge.get_pull(ref)
    except UserMistake as mistake:
        raise NoSuchPull(str(mistake)) from mistake
    # A forge finds a repository in any spelling, and under its former names. Locks and rules know one spelling only.
    path = pull.clone_url.removesuffix(".git")
    if not path.endswith(f"/{ref.repo.full_name}"):
        raise UserMistake(f"The forge spells {ref.repo} otherwise, as in {pull.clone_url}. Name it as the forge does.")
    return pull


def _insist_on_place(wish: Wish, pull: Pull) -> None:
    if wish.ref and wish.ref.removeprefix(_BRANCHES) not in {pull.head_ref, pull.head_sha}:
        raise NotThatCommit(
            f"`Ref` is {wish.ref}, but the head of {pull.ref} is {pull.head_ref} at {pull.head_sha}. "
            "Only a pull request's head can be planned or applied: push there first, or leave `Ref` out."
        )
    if wish.base_ref and wish.base_ref.removeprefix(_BRANCHES) != pull.base_ref:
        raise NotThatCommit(f"`base_branch` is {wish.base_ref}, but {pull.ref} goes to {pull.base_ref}.")
