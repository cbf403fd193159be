from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from server.domain.pull import Pull
from server.store.outbox import Message
from server.store.unit_of_work import UnitOfWork
from tests.contract.store.world import NOW, World

_SECOND = timedelta(seconds=1)


@pytest.fixture
def pull(world: World) -> Pull:
    return world.pull()


def _put(
    uow: UnitOfWork, pull: Pull, key: str = "k", *, now: datetime = NOW, touch: bool = False, **payload: Any
) -> Message:
    return uow.outbox.put(pull_id=pull.id, kind="comment", key=key, payload=payload, now=now, touch=touch)


def _get(uow: UnitOfWork, pull: Pull, key: str = "k") -> Message:
    message = uow.outbox.get(pull_id=pull.id, kind="comment", key=key)
    assert message is not None
    return message


def test_the_same_wish_again_changes_nothing_unless_it_is_touched(world: World, pull: Pull) -> None:
    with world.store.transaction() as uow:
        first = _put(uow, pull, body="a", list=(1, 2))
        assert _put(uow, pull, body="a", list=(1, 2)) == first
        assert _put(uow, pull, body="a", list=(1, 2), touch=True).version == 2
        assert _put(uow, pull, body="b").version == 3


def test_what_is_due_comes_oldest_first_and_stops_when_sent(world: World, pull: Pull) -> None:
    with world.store.transaction() as uow:
        one, two = _put(uow, pull, "1"), _put(uow, pull, "2")
        assert [message.id for message in uow.outbox.due(pull.id, now=NOW)] == [one.id, two.id]
        uow.outbox.mark_sent(one.id, version=1, forge_ref="c1", now=NOW)
        assert [message.id for message in uow.outbox.due(pull.id, now=NOW)] == [two.id]
        assert _get(uow, pull, "1").forge_ref == "c1"
        assert _get(uow, pull, "1").is_sent


def test_a_wish_that_changed_while_it_was_sent_is_due_again(world: World, pull: Pull) -> None:
    with world.store.transaction() as uow:
        sending = _put(uow, pull, body="a")
        _put(uow, pull, body="b")
        uow.outbox.mark_sent(sending.id, version=sending.version, forge_ref="c1", now=NOW)

        (due,) = uow.outbox.due(pull.id, now=NOW)
        assert (due.payload, due.forge_ref, due.sent_version) == ({"body": "b"}, "c1", 1)


def test_a_failed_message_waits_for_its_time_and_a_new_wish_does_not(world: World, pull: Pull) -> None:
    with world.store.transaction() as uow:
        message = _put(uow, pull, body="a")
        uow.outbox.begin_attempt(message.id)
        uow.outbox.mark_failed(message.id, error="away", next_try_at=NOW + _SECOND)
        assert uow.outbox.due(pull.id, now=NOW) == []
        assert uow.outbox.pulls_due(now=NOW, limit=9) == []
        assert uow.outbox.pulls_due(now=NOW + _SECOND, limit=9) == [pull.id]
        _put(uow, pull, body="b")
        assert uow.outbox.pulls_due(now=NOW, limit=9) == [pull.id]


def test_that_the_forge_may_have_heard_is_not_forgotten_by_a_new_wish(world: World, pull: Pull) -> None:
    with world.store.transaction() as uow:
        message = _put(uow, pull, body="a")
        for _ in range(3):
            uow.outbox.begin_attempt(message.id)
        assert _put(uow, pull, body="b").attempts == 1
        uow.outbox.remember_ref(message.id, forge_ref="c1")
        assert _put(uow, pull, body="c").attempts == 0


def test_a_parked_message_rests_until_something_else_is_wanted(world: World, pull: Pull) -> None:
    with world.store.transaction() as uow:
        message = _put(uow, pull, body="a")
        uow.outbox.park(message.id, error="no", version=7)
        assert not _get(uow, pull).parked
        uow.outbox.park(message.id, error="no")
        assert uow.outbox.due(pull.id, now=NOW) == []
        assert [one.error for one in uow.outbox.parked(limit=9)] == ["no"]
        assert uow.outbox.lag(NOW + _SECOND) == timedelta()
        _put(uow, pull, body="a")
        assert uow.outbox.due(pull.id, now=NOW) == []
        _put(uow, pull, body="b")
        assert len(uow.outbox.due(pull.id, now=NOW)) == 1


def test_lag_is_the_age_of_the_oldest_unsent_wish(world: World, pull: Pull) -> None:
    with world.store.transaction() as uow:
        assert uow.outbox.lag(NOW) == timedelta()
        message = _put(uow, pull, body="a")
        _put(uow, pull, body="b", now=NOW + 5 * _SECOND)
        assert uow.outbox.lag(NOW + 9 * _SECOND) == 9 * _SECOND
        uow.outbox.mark_sent(message.id, version=2, forge_ref="c", now=NOW)
        assert uow.outbox.lag(NOW + 9 * _SECOND) == timedelta()


def test_pulls_with_the_oldest_message_come_first(world: World, pull: Pull) -> None:
    other = world.pull(8)
    with world.store.transaction() as uow:
        _put(uow, pull, now=NOW + _SECOND)
        _put(uow, other, now=NOW)
        assert uow.outbox.pulls_due(now=NOW + _SECOND, limit=9) == [other.id, pull.id]
        assert uow.outbox.pulls_due(now=NOW + _SECOND, limit=1) == [other.id]
        assert [one.pull_id for one in uow.outbox.of_pull(pull.id)] == [pull.id]


def test_eight_wishes_at_once_are_one_row_and_every_one_counts(world: World, pull: Pull) -> None:
    def want(body: int) -> None:
        with world.store.transaction() as uow:
            _put(uow, pull, body=body)

    world.at_once([partial(want, body) for body in range(8)])

    with world.store.reading() as uow:
        assert [one.version for one in uow.outbox.of_pull(pull.id)] == [8]
