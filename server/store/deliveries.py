"""Webhook requests, stored before they are answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, or_, select, update

from server.store.ids import new_id
from server.store.statements import all_rows, insert_into, is_one_of, one_row
from server.store.states import DeliveryState
from server.store.tables import deliveries

__all__ = ["Deliveries", "Delivery", "DeliveryState"]


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One webhook request: `kind` is the forge's word for the event, `headers` the few that matter."""

    id: str
    forge: str
    delivery_id: str
    kind: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    state: DeliveryState = DeliveryState.RECEIVED
    outcome: str = ""
    attempts: int = 0
    next_try_at: datetime | None = None
    settled_at: datetime | None = None


class Deliveries:
    """The deliveries of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def store(
        self, *, forge: str, delivery_id: str, kind: str, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> Delivery | None:
        """Keep a delivery; None when the forge has sent it before."""
        statement = (
            insert_into(self._connection, deliveries)
            .values(
                id=new_id(),
                forge=forge,
                delivery_id=delivery_id,
                kind=kind,
                headers=dict(headers),
                body=body,
                received_at=now,
                state=DeliveryState.RECEIVED,
                outcome="",
                attempts=0,
            )
            .on_conflict_do_nothing(index_elements=["forge", "delivery_id"])
            .returning(deliveries)
        )
        row = one_row(self._connection, statement)
        return None if row is None else Delivery(**row)

    def get(self, delivery_id: str) -> Delivery | None:
        """Read a delivery by our id."""
        row = one_row(self._connection, select(deliveries).where(deliveries.c.id == delivery_id))
        return None if row is None else Delivery(**row)

    def get_for_update(self, delivery_id: str) -> Delivery | None:
        """Read a delivery and keep others from changing it until the commit."""
        statement = select(deliveries).where(deliveries.c.id == delivery_id).with_for_update(key_share=True)
        row = one_row(self._connection, statement)
        return None if row is None else Delivery(**row)

    def settle(self, delivery_id: str, *, state: DeliveryState, outcome: str, now: datetime) -> None:
        """Write down what became of it."""
        self._connection.execute(
            update(deliveries)
            .where(deliveries.c.id == delivery_id)
            .values(state=state, outcome=outcome, settled_at=now, next_try_at=None)
        )

    def postpone(self, delivery_id: str, *, next_try_at: datetime, error: str) -> None:
        """Try it again later, unless it was settled meanwhile."""
        self._connection.execute(
            update(deliveries)
            .where(deliveries.c.id == delivery_id, deliveries.c.state == DeliveryState.RECEIVED)
            .values(attempts=deliveries.c.attempts + 1, next_try_at=next_try_at, outcome=error)
        )

    def due(self, now: datetime, *, limit: int) -> list[Delivery]:
        """List what waits to be handled, oldest first."""
        statement = (
            select(deliveries)
            .where(
                is_one_of(deliveries.c.state, DeliveryState.RECEIVED),
                or_(deliveries.c.next_try_at.is_(None), deliveries.c.next_try_at <= now),
            )
            .order_by(deliveries.c.id)
            .limit(limit)
        )
        return [Delivery(**row) for row in all_rows(self._connection, statement)]

    def recent(self, *, limit: int, before_id: str | None = None) -> list[Delivery]:
        """List the newest deliveries, for people."""
        statement = select(deliveries).order_by(deliveries.c.id.desc()).limit(limit)
        if before_id is not None:
            statement = statement.where(deliveries.c.id < before_id)
        return [Delivery(**row) for row in all_rows(self._connection, statement)]

    def counts(self) -> dict[DeliveryState, int]:
        """Count deliveries by state."""
        statement = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
        found: dict[DeliveryState, int] = {row[0]: row[1] for row in self._connection.execute(statement)}
        return {state: found.get(state, 0) for state in DeliveryState}

    def purge(self, before: datetime) -> int:
        """Forget settled deliveries received before; says how many."""
        statement = delete(deliveries).where(
            deliveries.c.received_at < before, deliveries.c.state != DeliveryState.RECEIVED
        )
        return self._connection.execute(statement).rowcount
