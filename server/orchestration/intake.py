"""A stored delivery becomes whatever it asks for. The forge is asked first, then one transaction decides."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from server.comments.parser import parse
from server.comments.render import render_help, render_mistake
from server.domain.commands import Command, CommandKind, Mistake, NotForUs, Utterance
from server.domain.errors import Refused, TryLater, UserMistake
from server.domain.events import (
    BranchPushed,
    Change,
    CommentPosted,
    Event,
    Ignored,
    PullChanged,
    PullClosed,
    RerunAsked,
    ReviewChanged,
)
from server.domain.pull import Pull, PullState
from server.domain.requirements import PullFacts
from server.domain.run import Trigger
from server.forges.base import Forge
from server.orchestration import cleanup, messages
from server.orchestration.authority import refusal, who_may, why_not_ours, why_not_so
from server.orchestration.context import Context
from server.orchestration.explain import explain
from server.orchestration.launch import launch
from server.orchestration.standing import show_planning
from server.store.deliveries import Delivery, DeliveryState
from server.store.unit_of_work import UnitOfWork

log = structlog.get_logger()

PLANNED_BY_ITSELF = frozenset({Change.OPENED, Change.REOPENED, Change.READY, Change.PUSHED, Change.RETARGETED})
_GIVE_UP_AFTER = 12
_STILL_OPEN = 4  # times that a forge may call a pull open of which it told us that it was closed


@dataclass(frozen=True)
class _Asked:
    """A comment's command, with what the forge says of the pull, and who may give it if its author may not.

    `facts` are there for commands that are answered at once and have to know them.
    """

    pull: Pull
    who_may: str
    facts: PullFacts | None = None


def handle_delivery(ctx: Context, delivery_id: str) -> None:
    """Handle a stored delivery once; a second call finds it settled."""
    with ctx.store.reading() as uow:
        delivery = uow.deliveries.get(delivery_id)
    if delivery is None or delivery.state is not DeliveryState.RECEIVED:
        return
    try:
        handle_event(ctx, ctx.parse(delivery), delivery=delivery)
    except TryLater as error:
        _postpone(ctx, delivery, str(error), after=error.after_seconds)
    except (UserMistake, Refused) as error:
        _settle(ctx, delivery, DeliveryState.FAILED, str(error))


def handle_event(ctx: Context, event: Event, *, delivery: Delivery | None) -> None:
    """Do what an event asks for; the delivery, if it came by one, is settled in the same transaction."""
    match event:
        case Ignored(reason=reason):
            _settle(ctx, delivery, DeliveryState.IGNORED, reason)
        case ReviewChanged():
            _settle(ctx, delivery, DeliveryState.IGNORED, "reviews are looked at when somebody applies")
        case BranchPushed():
            _settle(ctx, delivery, DeliveryState.IGNORED, "pushes to pulls are announced as pull request events")
        case PullChanged():
            _pull_changed(ctx, event, delivery)
        case PullClosed():
            _pull_closed(ctx, event, delivery)
        case CommentPosted():
            _comment_posted(ctx, event, delivery)
        case RerunAsked():
            _rerun_asked(ctx, event, delivery)


def _pull_changed(ctx: Context, event: PullChanged, delivery: Delivery | None) -> None:
    # A delivery may be late: the forge's word now is what counts, not the payload's.
    pull = ctx.forges.of(event.pull.ref.repo).get_pull(event.pull.ref)
    now = ctx.clock()
    with ctx.store.transaction() as uow:
        if not _take(uow, delivery):
            return
        stored = uow.pulls.upsert(pull)
        reason = _why_not_planned(ctx, event, stored)
        if reason is None:
            uow.pulls.get_for_update(stored.id)
            again = event.change in {Change.REOPENED, Change.RETARGETED}
            reason = plan_by_itself(ctx, uow, stored, actor=event.actor, now=now, again=again)
        _mark(uow, delivery, DeliveryState.IGNORED if reason else DeliveryState.HANDLED, reason or "planned", now=now)


def plan_by_itself(
    ctx: Context, uow: UnitOfWork, pull: Pull, *, actor: str, now: datetime, again: bool = False
) -> str | None:
    """Plan a pull's newest commit unless (but for `again`) that is under way or done; says why not."""
    if not again and any(
        run.trigger is Trigger.AUTO and run.head_sha == pull.head_sha for run in uow.runs.of_pull(pull.id, limit=50)
    ):
        return "this commit is planned already"
    run = launch(uow, pull, Command(kind=CommandKind.PLAN), trigger=Trigger.AUTO, actor=actor, now=now)
    cleanup.supersede(ctx, uow, pull, now=now)
    show_planning(ctx, uow, pull, run, now=now)
    return None


def _why_not_planned(ctx: Context, event: PullChanged, pull: Pull) -> str | None:
    if event.change not in PLANNED_BY_ITSELF:
        return f"{event.change.value}: nothing to plan"
    return why_not_ours(ctx, pull, automatic=True)


def _pull_closed(ctx: Context, event: PullClosed, delivery: Delivery | None) -> None:
    pull = _closed(ctx, event.pull)
    if pull.is_open and delivery is not None and delivery.attempts < _STILL_OPEN:
        raise TryLater("the forge still calls it open: a merge takes a moment", after_seconds=2)
    now = ctx.clock()
    with ctx.store.transaction() as uow:
        if not _take(uow, delivery):
            return
        known = uow.pulls.by_ref(pull.ref)
        stored = uow.pulls.upsert(pull)
        if known is not None and known.is_open and not stored.is_open:
            uow.pulls.get_for_update(stored.id)
            cleanup.close(ctx, uow, stored, by=event.actor, now=now)
        _mark(uow, delivery, DeliveryState.HANDLED, f"the pull request is {stored.state.value}", now=now)


def _closed(ctx: Context, told: Pull) -> Pull:
    """Read a pull that was closed; a forge that knows it no more has closed it for good."""
    try:
        return ctx.forges.of(told.ref.repo).get_pull(told.ref)
    except UserMistake:
        with ctx.store.reading() as uow:
            known = uow.pulls.by_ref(told.ref) or told
        return replace(known, state=PullState.CLOSED if told.is_open else told.state)


def _comment_posted(ctx: Context, event: CommentPosted, delivery: Delivery | None) -> None:
    forge = ctx.forges.of(event.pull.repo)
    utterance = _heard(ctx, forge, event.body)
    if event.author.lower() == forge.login.lower():
        _settle(ctx, delivery, DeliveryState.IGNORED, "written by ourselves")
        return
    if isinstance(utterance, NotForUs):
        _settle(ctx, delivery, DeliveryState.IGNORED, "not a command")
        return
    asked_for = utterance if isinstance(utterance, Command) else Command(kind=CommandKind.HELP)
    asked = _asked(ctx, forge, event, asked_for)
    now = ctx.clock()
    with ctx.store.transaction() as uow:
        if not _take(uow, delivery):
            return
        pull = uow.pulls.upsert(asked.pull)
        uow.pulls.get_for_update(pull.id)
        outcome = "heard before"
        if not messages.is_answered(uow, pull.id, event.comment_id):
            outcome = _answer(ctx, uow, event, utterance, replace(asked, pull=pull), now=now)
        _mark(uow, delivery, DeliveryState.HANDLED, outcome, now=now)


def _asked(ctx: Context, forge: Forge, event: CommentPosted, command: Command) -> _Asked:
    pull = forge.get_pull(event.pull)
    who = who_may(ctx, forge, event.pull.repo, event.author, command)
    if command.kind is not CommandKind.EXPLAIN or who:
        return _Asked(pull, who)
    return _Asked(pull, who, forge.pull_facts(pull, own_statuses=ctx.rules.own_statuses))


def _heard(ctx: Context, forge: Forge, body: str) -> Utterance:
    rules = ctx.rules
    return parse(
        body,
        words=rules.words,
        login=forge.login,
        allowed=rules.allowed,
        blocked_extra_args=rules.blocked_extra_args,
    )


def _rerun_asked(ctx: Context, event: RerunAsked, delivery: Delivery | None) -> None:
    """Plan again what a check is about. To apply takes words: a button beside a check does not say of which plan."""
    with ctx.store.reading() as uow:
        known = next((pull for pull in uow.pulls.list_open(event.repo) if pull.head_sha == event.sha), None)
    if known is None:
        return _settle(ctx, delivery, DeliveryState.IGNORED, "no open pull request has that commit as its head")
    verb, _, name = event.context.removeprefix(f"{ctx.rules.status_prefix}/").partition(": ")
    if verb not in {"", CommandKind.PLAN.value}:
        return _settle(ctx, delivery, DeliveryState.IGNORED, f"{verb} is asked for by comment")
    forge = ctx.forges.of(event.repo)
    if who_may(ctx, forge, event.repo, event.actor, Command(kind=CommandKind.PLAN)):
        return _settle(ctx, delivery, DeliveryState.IGNORED, f"{event.actor} may not ask for a plan here")
    current = forge.get_pull(known.ref)
    reason = why_not_ours(ctx, current, automatic=False)
    if reason is not None:
        return _settle(ctx, delivery, DeliveryState.IGNORED, reason)
    now = ctx.clock()
    with ctx.store.transaction() as uow:
        if _take(uow, delivery):
            pull = uow.pulls.upsert(current)
            uow.pulls.get_for_update(pull.id)
            keys = [row.key for row in uow.projects.of_pull(pull.id)]
            only = tuple(key for key in keys if name in {key.name, key.path}) if name else ()
            command = Command(kind=CommandKind.PLAN, only=only)
            launch(uow, pull, command, trigger=Trigger.API, actor=event.actor, now=now)
            _mark(uow, delivery, DeliveryState.HANDLED, f"planned again: {name or 'everything'}", now=now)
    return None


def _answer(
    ctx: Context,
    uow: UnitOfWork,
    event: CommentPosted,
    utterance: Command | Mistake,
    asked: _Asked,
    *,
    now: datetime,
) -> str:
    key, pull, who = f"answer:{event.comment_id}", asked.pull, asked.who_may
    if isinstance(utterance, Mistake):
        if not who:  # strangers cannot make us talk
            messages.say(uow, pull.id, key, render_mistake(utterance, words=ctx.words), now=now)
        return "a typed mistake"
    kind = utterance.kind
    if who and kind is not CommandKind.HELP:
        messages.say(uow, pull.id, key, refusal(ctx, utterance, who), now=now)
        return "not allowed"
    messages.react(uow, pull.id, event.comment_id, emoji=ctx.rules.emoji_reaction, now=now)
    if kind is CommandKind.HELP:
        body = render_help(ctx.rules.word, utterance.topic, allowed=ctx.rules.allowed, words=ctx.words)
        messages.say(uow, pull.id, key, body, now=now)
        return "help"
    reason = why_not_ours(ctx, pull, automatic=False)
    if reason is not None and kind is not CommandKind.UNLOCK:
        messages.say(uow, pull.id, key, refusal(ctx, utterance, reason), now=now)
        return reason
    if kind is CommandKind.EXPLAIN:
        messages.say(uow, pull.id, key, explain(ctx, uow, pull, utterance, asked.facts), now=now)
    else:
        obey(ctx, uow, pull, utterance, actor=event.author, trigger=Trigger.COMMENT, key=key, now=now)
    return kind.value


def obey(
    ctx: Context,
    uow: UnitOfWork,
    pull: Pull,
    command: Command,
    *,
    actor: str,
    trigger: Trigger,
    key: str,
    now: datetime,
) -> str:
    """Do a command that its author may give; gives the run's id, or the words said at once."""
    reason = why_not_so(ctx, pull, command)
    if reason:
        messages.say(uow, pull.id, key, refusal(ctx, command, reason), now=now)
        return reason
    match command.kind:
        case CommandKind.UNLOCK:
            answer = cleanup.unlock(ctx, uow, pull, by=actor, now=now)
        case CommandKind.CANCEL:
            answer = cleanup.cancel(ctx, uow, pull, by=actor, now=now)
        case _:
            return launch(uow, pull, command, trigger=trigger, actor=actor, now=now).id
    messages.say(uow, pull.id, key, answer, now=now)
    return answer


def _take(uow: UnitOfWork, delivery: Delivery | None) -> bool:
    """Lock the delivery; False when somebody else has handled it meanwhile."""
    if delivery is None:
        return True
    current = uow.deliveries.get_for_update(delivery.id)
    return current is not None and current.state is DeliveryState.RECEIVED


def _mark(uow: UnitOfWork, delivery: Delivery | None, state: DeliveryState, outcome: str, *, now: datetime) -> None:
    if delivery is not None:
        uow.deliveries.settle(delivery.id, state=state, outcome=outcome, now=now)


def _settle(ctx: Context, delivery: Delivery | None, state: DeliveryState, outcome: str) -> None:
    if delivery is None:
        return
    with ctx.store.transaction() as uow:
        if _take(uow, delivery):
            uow.deliveries.settle(delivery.id, state=state, outcome=outcome, now=ctx.clock())
    log.info("delivery.settled", delivery=delivery.id, state=state.value, outcome=outcome)


def _postpone(ctx: Context, delivery: Delivery, error: str, *, after: float | None) -> None:
    if delivery.attempts >= _GIVE_UP_AFTER:
        _settle(ctx, delivery, DeliveryState.FAILED, f"given up after {delivery.attempts} tries: {error}")
        return
    pause = timedelta(seconds=max(after or 0, min(2**delivery.attempts, 300)))
    now = ctx.clock()
    with ctx.store.transaction() as uow:
        uow.deliveries.postpone(delivery.id, next_try_at=now + pause, error=error)
    log.warning("delivery.postponed", delivery=delivery.id, error=error)
