"""The verb alerts: what needs somebody's attention, and whether the channels that tell of it answer."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line, print_sentence, print_wrapped
from ingestion.cli.stores import begin, stores
from ingestion.wording import counted

if TYPE_CHECKING:
    from ingestion.monitoring.recorded_alerts import RecordedAlert


class AlertAction(StrEnum):
    """What `pikkit alerts` may be told to do beside listing."""

    TEST = "test"


def alerts(
    action: Annotated[
        AlertAction | None, typer.Argument(metavar="[test]", help="Send a test message to every channel of ALERT_URLS.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those that were resolved, too.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many, the newest first.")] = 20,
    json: Json = False,
) -> None:
    """List the open alerts, or test their channels.

    `alerts test` exits 4 when a channel does not take the message, and names it without its secrets.
    """
    if action is AlertAction.TEST:
        _test(as_json=json)
        return
    from ingestion.database.read_only import read_only_store
    from ingestion.monitoring.recorded_alerts import recorded_alerts

    connections = stores(begin(), create=False)
    with read_only_store(connections.postgres, purpose="alerts") as connection:
        recorded = recorded_alerts(connection, everything=everything, limit=limit)
    if json:
        from dataclasses import asdict

        print_json({"alerts": [asdict(alert) for alert in recorded]})
        return
    _print_alerts(recorded)


def _print_alerts(recorded: list[RecordedAlert]) -> None:
    for alert in recorded:
        until = f", resolved {alert.resolved_at:%Y-%m-%dT%H:%M:%SZ}" if alert.resolved_at else ""
        channels = counted(alert.channels_told, "channel")
        since = f"{alert.severity}, opened {alert.opened_at:%Y-%m-%dT%H:%M:%SZ}{until}, told to {channels}"
        print_wrapped(f"{alert.cause}: {since}", hanging=4)
        print_wrapped(alert.message, indent=4)
        print_line()
    open_alerts = sum(alert.resolved_at is None for alert in recorded)
    print_line(f"{counted(open_alerts, 'alert')} open." if open_alerts else "No alert is open.")


def _test(*, as_json: bool) -> None:
    from feature_repo.errors import ConfigurationError, Unreachable
    from ingestion.monitoring.channel_test import send_test_message

    urls = begin().monitoring.alert_urls
    if not urls:
        raise ConfigurationError(
            "ALERT_URLS names no channel", "Nothing was sent", "Set it, such as to tgram://<token>/<chat>"
        )
    outcomes = send_test_message(urls)
    if dead := [outcome.channel for outcome in outcomes if not outcome.is_delivered]:
        taken = len(outcomes) - len(dead)
        raise Unreachable(
            f"{counted(len(dead), 'alert channel')} did not take the test message: {', '.join(dead)}",
            f"{counted(taken, 'other channel')} took it",
            "Look at its address in ALERT_URLS, and whether this machine reaches it",
            service="alert channel",
        )
    if as_json:
        from dataclasses import asdict

        print_json({"channels": [asdict(outcome) for outcome in outcomes]})
        return
    print_sentence(
        f"{counted(len(outcomes), 'channel')} took the test message: {', '.join(o.channel for o in outcomes)}."
    )
