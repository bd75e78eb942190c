"""Alerts sent to the channels, each once: what was delivered is kept, and what was not is sent with the next run.

A channel that does not answer in time may have taken the message; it is sent again, since a lost alert is worse than
one that comes twice.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from ingestion.database.access import statement
from ingestion.deadline import CALL_PATIENCE
from ingestion.monitoring.channels import AlertChannel, Tone
from ingestion.monitoring.messages import AlertMessage
from ingestion.runs.run_ids import short_run_ids
from ingestion.wording import counted

# Seconds for all messages to all channels: as long as a run waits for channels that are dead.
DELIVERY_PATIENCE: Final = CALL_PATIENCE
# A claim that is older belongs to a process that died.
_TAKEN_OVER_AFTER: Final = timedelta(minutes=5)


def deliver(connection: psycopg.Connection, channels: Sequence[AlertChannel], run_id: UUID | None = None) -> list[str]:
    """Send what the channels have not had yet. Returns a warning for each that did not take all of its messages.

    `run_id` is the run that has just ended: what it opened and cleared is told as well. The connection has no
    transaction open, and none is open while something is sent.
    """
    messages = _claimed(connection, channels, run_id)
    if not messages:
        return []
    bodies = _bodies(connection, messages)
    taken = set[tuple[str, int]]()
    for channel_key, alert_id in _taken(channels, messages, bodies):
        taken.add((channel_key, alert_id))
    with connection.transaction():
        for message in messages:
            state = "delivered" if (message.channel, message.alert_id) in taken else "failed"
            connection.execute(
                statement("record_message_delivery"),
                {
                    "alert_id": message.alert_id,
                    "channel": message.channel,
                    "event": message.event,
                    "state": state,
                },
            )
    missed = [message.channel for message in messages if (message.channel, message.alert_id) not in taken]
    return [
        f"The alert channel {channel.masked} did not take {counted(missed.count(channel.key), 'message')}. "
        "The next run tries again; `pikkit alerts test` looks whether it answers."
        for channel in channels
        if channel.key in missed
    ]


def _claimed(
    connection: psycopg.Connection, channels: Sequence[AlertChannel], run_id: UUID | None
) -> list[AlertMessage]:
    parameters = {
        "channels": [channel.key for channel in channels],
        "run_id": run_id,
        "now": datetime.now(UTC),
        "taken_over_after": _TAKEN_OVER_AFTER,
    }
    with connection.transaction(), connection.cursor(row_factory=class_row(AlertMessage)) as cursor:
        return cursor.execute(statement("claim_deliveries"), parameters).fetchall()


def _bodies(connection: psycopg.Connection, messages: Sequence[AlertMessage]) -> dict[int, str]:
    with connection.transaction():
        run_ids = {message.run_id for message in messages if message.run_id is not None}
        short = short_run_ids(connection, list(run_ids))
    return {
        message.alert_id: message.body(short.get(message.run_id) if message.run_id else None) for message in messages
    }


def _taken(
    channels: Sequence[AlertChannel], messages: Sequence[AlertMessage], bodies: dict[int, str]
) -> Iterator[tuple[str, int]]:
    """Yield channel and alert of each message that was taken in time. A channel that fails once is left for this time.

    Each channel has a thread, which does not keep the process from ending, and begins no message after the deadline:
    whoever waits has counted it as not taken by then.
    """
    reports: queue.Queue[tuple[str, int] | None] = queue.Queue()
    deadline = time.monotonic() + DELIVERY_PATIENCE

    def send_all(channel: AlertChannel) -> None:
        try:
            for message in messages:
                if message.channel == channel.key:
                    if time.monotonic() >= deadline:
                        return
                    if not channel.send(message.title, bodies[message.alert_id], _tone(message)):
                        return
                    reports.put((channel.key, message.alert_id))
        finally:
            reports.put(None)

    for channel in channels:
        threading.Thread(target=send_all, args=(channel,), daemon=True).start()
    going_on = len(channels)
    while going_on:
        try:
            report = reports.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return
        if report is None:
            going_on -= 1
        else:
            yield report


def _tone(message: AlertMessage) -> Tone:
    if message.event == "resolved":
        return "success"
    return "failure" if message.severity == "critical" else "warning"
