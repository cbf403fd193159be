"""What is to be said on the forge: the state we want there, and what was sent last."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, false, func, or_, select, update

from server.store.ids import new_id
from server.store.statements import all_rows, insert_into, one_row
from server.store.tables import outbox

NOTICE = "notice"  # told to somebody outside of the forge: in no order, and beside what is said to the pull


@dataclass(frozen=True, kw_only=True)
class Message:
    """One thing to say. `version` counts what was wanted, `sent_version` is what the forge has.

    `forge_ref` is the forge's name for it, once known: a later version is written over it. `attempts` counts
    how often it was begun to be said; while it is not 0, the forge may have heard it. `updated_at` is since
    when the forge lacks what is wanted. A parked message is not tried again until something else is wanted.
    """

    id: str
    pull_id: str
    kind: str
    key: str
    payload: Mapping[str, Any]
    version: int
    sent_version: int
    created_at: datetime
    updated_at: datetime
    forge_ref: str | None = None
    attempts: int = 0
    next_try_at: datetime | None = None
    error: str = ""
    parked: bool = False

    @property
    def is_sent(self) -> bool:
        """Say whether the forge has what is wanted."""
        return self.sent_version >= self.version


class Outbox:
    """The outbox of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(
        self, *, pull_id: str, kind: str, key: str, payload: Mapping[str, Any], now: datetime, touch: bool = False
    ) -> Message:
        """Want something said. The same payload again changes nothing, unless `touch` says that it reads anew."""
        wanted = json.loads(json.dumps(dict(payload)))  # as it reads back from the column
        statement = (
            insert_into(self._connection, outbox)
            .values(
                id=new_id(),
                pull_id=pull_id,
                kind=kind,
                key=key,
                payload=wanted,
                version=1,
                sent_version=0,
                attempts=0,
                error="",
                created_at=now,
                updated_at=now,
                parked=False,
            )
            .on_conflict_do_nothing(index_elements=["pull_id", "kind", "key"])
            .returning(outbox)
        )
        row = one_row(self._connection, statement)
        if row is not None:
            return Message(**row)
        return self._put_again(_is(pull_id, kind, key), wanted, now=now, touch=touch)

    def _put_again(self, which: ColumnElement[bool], wanted: Any, *, now: datetime, touch: bool) -> Message:
        locking = select(outbox).where(which).with_for_update(key_share=True)
        known = Message(**self._connection.execute(locking).mappings().one())
        if known.payload == wanted and not touch:
            return known
        # An earlier version may have been heard although its answer was lost: that must not be forgotten.
        may_be_heard = known.attempts > 0 and known.forge_ref is None
        changed = (
            update(outbox)
            .where(outbox.c.id == known.id)
            .values(
                payload=wanted,
                version=known.version + 1,
                attempts=1 if may_be_heard else 0,
                next_try_at=None,
                error="",
                updated_at=now if known.is_sent else known.updated_at,
                parked=False,
            )
            .returning(outbox)
        )
        return Message(**self._connection.execute(changed).mappings().one())

    def get(self, *, pull_id: str, kind: str, key: str) -> Message | None:
        """Read what is wanted under a key."""
        row = one_row(self._connection, select(outbox).where(_is(pull_id, kind, key)))
        return None if row is None else Message(**row)

    def of_pull(self, pull_id: str) -> list[Message]:
        """List everything ever wanted for a pull, oldest first."""
        statement = select(outbox).where(outbox.c.pull_id == pull_id).order_by(outbox.c.id)
        return [Message(**row) for row in all_rows(self._connection, statement)]

    def payloads(self, pull_id: str, *, kind: str) -> dict[str, Mapping[str, Any]]:
        """Read what is wanted of one kind for a pull, by key; what was parked is not among it."""
        statement = select(outbox.c.key, outbox.c.payload).where(
            outbox.c.pull_id == pull_id, outbox.c.kind == kind, outbox.c.parked == false()
        )
        return {row.key: row.payload for row in self._connection.execute(statement)}

    def due(self, pull_id: str, *, now: datetime, limit: int = 100) -> list[Message]:
        """List what can be said to a pull now, oldest first."""
        statement = (
            select(outbox)
            .where(outbox.c.pull_id == pull_id, _is_due(now), outbox.c.kind != NOTICE)
            .order_by(outbox.c.id)
            .limit(limit)
        )
        return [Message(**row) for row in all_rows(self._connection, statement)]

    def pulls_due(self, *, now: datetime, limit: int) -> list[str]:
        """List pulls that something is to be said to now, the one with the oldest message first."""
        statement = (
            select(outbox.c.pull_id)
            .where(_is_due(now), outbox.c.kind != NOTICE)
            .group_by(outbox.c.pull_id)
            .order_by(func.min(outbox.c.updated_at), outbox.c.pull_id)
            .limit(limit)
        )
        return list(self._connection.execute(statement).scalars())

    def notices_due(self, *, now: datetime, limit: int) -> list[Message]:
        """List notices that can be sent now: what was tried least first, so that one deaf receiver delays no other."""
        statement = (
            select(outbox)
            .where(_is_due(now), outbox.c.kind == NOTICE)
            .order_by(outbox.c.attempts, outbox.c.id)
            .limit(limit)
        )
        return [Message(**row) for row in all_rows(self._connection, statement)]

    def take_notice(self, notice: Message, *, now: datetime, until: datetime) -> bool:
        """Begin to send a notice, alone until a moment; of all who try, one succeeds."""
        taken = self._connection.execute(
            update(outbox)
            .where(outbox.c.id == notice.id, outbox.c.attempts == notice.attempts, _is_due(now))
            .values(attempts=notice.attempts + 1, next_try_at=until)
        )
        return taken.rowcount == 1

    def begin_attempt(self, message_id: str) -> None:
        """Note that the forge is about to be called: whoever comes after a crash knows that it may have heard."""
        self._connection.execute(update(outbox).where(outbox.c.id == message_id).values(attempts=outbox.c.attempts + 1))

    def mark_sent(self, message_id: str, *, version: int, forge_ref: str | None, now: datetime) -> None:
        """Note what the forge has; a version wanted meanwhile stays due."""
        self._connection.execute(
            update(outbox)
            .where(outbox.c.id == message_id, outbox.c.sent_version < version)
            .values(
                sent_version=version,
                forge_ref=func.coalesce(forge_ref, outbox.c.forge_ref),
                attempts=0,
                next_try_at=None,
                error="",
                updated_at=now,
            )
        )

    def remember_ref(self, message_id: str, *, forge_ref: str) -> None:
        """Note the forge's name for a message as soon as it is known."""
        self._connection.execute(update(outbox).where(outbox.c.id == message_id).values(forge_ref=forge_ref))

    def mark_failed(self, message_id: str, *, error: str, next_try_at: datetime) -> None:
        """Try again later; `begin_attempt` has counted the try."""
        self._connection.execute(
            update(outbox).where(outbox.c.id == message_id).values(error=error, next_try_at=next_try_at)
        )

    def park(self, message_id: str, *, error: str, version: int | None = None) -> None:
        """Give up, until something else is wanted; with `version`, only if that is still what is wanted."""
        which = outbox.c.id == message_id
        if version is not None:
            which = and_(which, outbox.c.version == version)
        self._connection.execute(update(outbox).where(which).values(error=error, next_try_at=None, parked=True))

    def parked(self, *, limit: int) -> list[Message]:
        """List what the forge refused for good, newest first."""
        statement = select(outbox).where(_is_unsent(), outbox.c.parked).order_by(outbox.c.id.desc()).limit(limit)
        return [Message(**row) for row in all_rows(self._connection, statement)]

    def lag(self, now: datetime) -> timedelta:
        """Say how long the forge has waited for the oldest unsent message; parked ones and notices do not count."""
        oldest = select(func.min(outbox.c.updated_at)).where(
            _is_unsent(), outbox.c.parked == false(), outbox.c.kind != NOTICE
        )
        since: datetime | None = self._connection.execute(oldest).scalar_one()
        return timedelta() if since is None else max(now - since, timedelta())


def _is(pull_id: str, kind: str, key: str) -> ColumnElement[bool]:
    return and_(outbox.c.pull_id == pull_id, outbox.c.kind == kind, outbox.c.key == key)


def _is_unsent() -> ColumnElement[bool]:
    return outbox.c.version > outbox.c.sent_version


def _is_due(now: datetime) -> ColumnElement[bool]:
    is_time = or_(outbox.c.next_try_at.is_(None), outbox.c.next_try_at <= now)
    return and_(_is_unsent(), outbox.c.parked == false(), is_time)
