"""A message by which one sees whether the channels of ALERT_URLS answer."""

from __future__ import annotations

from dataclasses import dataclass

from ingestion.deadline import call_within
from ingestion.monitoring.channels import AlertChannel, alert_channels
from ingestion.monitoring.delivery import DELIVERY_PATIENCE

_TITLE = "Pikkit: test"
_BODY = "This channel hears of alerts of a feature store. Nothing is wrong: `pikkit alerts test` sent this."


@dataclass(frozen=True)
class ChannelOutcome:
    """Whether a channel took the test message."""

    #: Its address without secrets, or its place in ALERT_URLS where Apprise cannot use it.
    channel: str
    is_delivered: bool


def send_test_message(urls: str) -> list[ChannelOutcome]:
    """Send the test message to each channel, and say which took it in time."""
    channels, unusable = alert_channels(urls)
    outcomes = [ChannelOutcome(channel.masked, _is_taken(channel)) for channel in channels]
    return outcomes + [ChannelOutcome(f"address {place}, which Apprise cannot use", False) for place in unusable]


def _is_taken(channel: AlertChannel) -> bool:
    taken: list[bool] = []
    call_within(DELIVERY_PATIENCE, lambda: taken.append(channel.send(_TITLE, _BODY, "info")))
    return taken == [True]
