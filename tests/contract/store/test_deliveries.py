from datetime import timedelta

from server.store.deliveries import Deliveries, Delivery, DeliveryState
from tests.contract.store.world import NOW, World


def _store(deliveries: Deliveries, delivery_id: str = "d-1", *, forge: str = "github") -> Delivery | None:
    return deliveries.store(
        forge=forge,
        delivery_id=delivery_id,
        kind="pull_request",
        headers={"X-Kind": "pull_request"},
        body=b"\x00\xff{}",
        now=NOW,
    )


def test_a_delivery_reads_back_as_it_was_stored(world: World) -> None:
    with world.store.transaction() as uow:
        stored = _store(uow.deliveries)

    assert stored is not None
    with world.store.reading() as uow:
        assert uow.deliveries.get(stored.id) == stored
    assert (stored.body, stored.headers, stored.received_at) == (b"\x00\xff{}", {"X-Kind": "pull_request"}, NOW)


def test_of_eight_copies_that_come_at_once_one_is_stored(world: World) -> None:
    def arrive() -> Delivery | None:
        with world.store.transaction() as uow:
            return _store(uow.deliveries)

    assert sum(one is not None for one in world.at_once([arrive] * 8)) == 1


def test_two_forges_may_use_the_same_id(world: World) -> None:
    with world.store.transaction() as uow:
        assert _store(uow.deliveries, forge="github") is not None
        assert _store(uow.deliveries, forge="gitlab") is not None


def test_a_postponed_delivery_is_due_when_its_time_has_come(world: World) -> None:
    with world.store.transaction() as uow:
        stored = _store(uow.deliveries)
        assert stored is not None
        uow.deliveries.postpone(stored.id, next_try_at=NOW + timedelta(seconds=10), error="away")

        assert uow.deliveries.due(NOW, limit=9) == []
        assert [one.attempts for one in uow.deliveries.due(NOW + timedelta(seconds=10), limit=9)] == [1]


def test_a_settled_delivery_is_neither_due_nor_postponed_and_can_be_purged(world: World) -> None:
    with world.store.transaction() as uow:
        first, second = _store(uow.deliveries, "1"), _store(uow.deliveries, "2")
        assert first is not None
        assert second is not None
        uow.deliveries.settle(first.id, state=DeliveryState.HANDLED, outcome="planned", now=NOW)
        uow.deliveries.postpone(first.id, next_try_at=NOW, error="too late")

        assert [one.id for one in uow.deliveries.due(NOW, limit=9)] == [second.id]
        assert uow.deliveries.counts()[DeliveryState.HANDLED] == 1
        assert uow.deliveries.purge(NOW + timedelta(days=1)) == 1
        assert [one.id for one in uow.deliveries.recent(limit=9)] == [second.id]
