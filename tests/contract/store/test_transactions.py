"""What a transaction promises, on both databases."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from server.domain.errors import Defect, TryLater, UserMistake
from server.store.bells import Bell, BellKind
from server.store.errors import Busy, retrying
from server.store.ids import new_id
from server.store.session import make_engine
from server.store.unit_of_work import Store, UnitOfWork
from tests.contract.store.world import NOW, World, a_pull


class Refusal(Exception):
    pass


def test_an_exception_undoes_everything_and_rings_nothing(world: World) -> None:
    def half_done(uow: UnitOfWork) -> None:
        uow.pulls.upsert(a_pull())
        uow.ring(Bell(BellKind.RELAY, ""))
        raise Refusal

    with pytest.raises(Refusal), world.store.transaction() as uow:
        half_done(uow)

    with world.store.reading() as uow:
        assert uow.pulls.list_open() == []
    assert world.rung == []


def test_bells_ring_after_the_commit_and_once_each(world: World) -> None:
    seen: list[tuple[Bell, int]] = []

    def ring(bell: Bell) -> None:
        with store.reading() as uow:
            seen.append((bell, len(uow.pulls.list_open())))

    store = Store(world.engine, ring)
    with store.transaction() as uow:
        uow.ring(Bell(BellKind.PUBLISH, "p"))
        uow.ring(Bell(BellKind.RELAY, ""))
        uow.ring(Bell(BellKind.PUBLISH, "p"))
        uow.pulls.upsert(a_pull())

    assert seen == [(Bell(BellKind.PUBLISH, "p"), 1), (Bell(BellKind.RELAY, ""), 1)]


def test_a_bell_that_cannot_be_rung_costs_nothing_but_the_bell(world: World) -> None:
    rung = []

    def ring(bell: Bell) -> None:
        rung.append(bell)
        raise ConnectionError("the broker is down")

    with Store(world.engine, ring).transaction() as uow:
        uow.pulls.upsert(a_pull())
        uow.ring(Bell(BellKind.RELAY, ""))
        uow.ring(Bell(BellKind.BEGIN, "r"))

    assert len(rung) == 2
    with world.store.reading() as uow:
        assert len(uow.pulls.list_open()) == 1


def test_reading_cannot_write_and_cannot_ring(world: World) -> None:
    with pytest.raises(Exception, match=r"read-?only"), world.store.reading() as uow:
        uow.pulls.upsert(a_pull())
    with pytest.raises(Defect), world.store.reading() as uow:
        uow.ring(Bell(BellKind.RELAY, ""))

    world.pull()  # the connection that only read may write again


def test_reading_sees_one_moment(world: World) -> None:
    world.pull(1)
    with world.store.reading() as uow:
        before = len(uow.pulls.list_open())
        world.pull(2)
        assert len(uow.pulls.list_open()) == before == 1


def test_forty_decrements_by_eight_threads_are_all_kept(world: World) -> None:
    pull = world.pull()
    with world.store.transaction() as uow:
        uow.outbox.put(pull_id=pull.id, kind="count", key="", payload={"left": 40}, now=NOW)

    def decrement_five_times() -> None:
        for _ in range(5):
            with world.store.transaction() as uow:
                uow.pulls.get_for_update(pull.id)
                message = uow.outbox.get(pull_id=pull.id, kind="count", key="")
                assert message is not None
                payload = {"left": message.payload["left"] - 1}
                uow.outbox.put(pull_id=pull.id, kind="count", key="", payload=payload, now=NOW)

    world.at_once([decrement_five_times] * 8)

    with world.store.reading() as uow:
        message = uow.outbox.get(pull_id=pull.id, kind="count", key="")
    assert message is not None
    assert (message.payload, message.version) == ({"left": 0}, 41)


@pytest.mark.postgres
def test_rows_that_point_at_a_pull_are_added_while_it_is_held(postgres_world: World) -> None:
    pull = postgres_world.pull()
    with ThreadPoolExecutor(1) as pool, postgres_world.store.transaction() as uow:
        uow.pulls.get_for_update(pull.id)
        run = pool.submit(postgres_world.run, pull).result(timeout=10)

        assert [one.id for one in uow.runs.open_of(pull.id)] == [run.id]


@pytest.mark.postgres
def test_publishing_does_not_wait_for_whoever_holds_the_pull(postgres_world: World) -> None:
    pull = postgres_world.pull()

    def lease() -> bool:
        with postgres_world.store.transaction() as uow:
            return uow.pulls.lease_publisher(pull.id, owner="me", now=NOW, for_=timedelta(seconds=60))

    with ThreadPoolExecutor(1) as pool, postgres_world.store.transaction() as uow:
        uow.pulls.get_for_update(pull.id)
        assert pool.submit(lease).result(timeout=10)


@pytest.mark.postgres
def test_two_that_wait_for_each_other_are_told_to_try_again(postgres_world: World) -> None:
    world = postgres_world
    pulls = [world.pull(1), world.pull(2)]
    both_have_one = threading.Barrier(2)

    def cross(first: int) -> str:
        try:
            with world.store.transaction() as uow:
                uow.pulls.get_for_update(pulls[first].id)
                both_have_one.wait(10)
                uow.pulls.get_for_update(pulls[1 - first].id)
        except Busy:
            return "busy"
        return "done"

    assert sorted(world.at_once([lambda: cross(0), lambda: cross(1)])) == ["busy", "done"]


def test_what_was_busy_is_done_again() -> None:
    tries = []

    def act() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise Busy("busy")
        return "done"

    assert (retrying(act), len(tries)) == ("done", 3)


def test_what_is_not_contention_is_not_done_again() -> None:
    tries = []

    def act() -> None:
        tries.append(1)
        raise TryLater("the database is away")

    with pytest.raises(TryLater):
        retrying(act)
    assert len(tries) == 1


def test_a_database_that_does_not_answer_means_try_later() -> None:
    store = Store(make_engine("postgresql://nobody@127.0.0.1:1/nothing"), lambda _: None)

    with pytest.raises(TryLater, match="does not answer"):
        store.ping()


@pytest.mark.parametrize("url", ["mysql://host/db", "what is this", "sqlite://", "sqlite:///:memory:"])
def test_a_url_that_cannot_work_is_a_users_mistake(url: str) -> None:
    with pytest.raises(UserMistake, match="DATABASE_URL"):
        make_engine(url)


def test_ids_sort_by_the_time_they_were_made_in_all_threads() -> None:
    made = [new_id() for _ in range(5000)]
    with ThreadPoolExecutor(4) as pool:
        others = list(pool.map(lambda _: new_id(), range(2000)))

    assert made == sorted(made)
    assert len(set(made + others)) == 7000
    assert {len(one) for one in made} == {26}
    assert min(others) > max(made)
