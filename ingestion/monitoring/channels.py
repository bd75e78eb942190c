"""The channels of ALERT_URLS, by Apprise. It is imported with the first of them, and never without one."""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from apprise import NotifyBase

# Seconds that a channel may take to connect, and to answer.
CONNECT_PATIENCE: Final = 1.0
ANSWER_PATIENCE: Final = 2.0
# Apprise and urllib3 log addresses with their tokens, some of them as warnings.
_PINNED: Final = ("apprise", "urllib3", "urllib3.connectionpool")

Tone = Literal["failure", "warning", "success", "info"]


@dataclass(frozen=True)
class AlertChannel:
    """Somebody who is told."""

    #: What ops.alert_deliveries knows it by: a digest of its whole address.
    key: str
    #: Its address without secrets.
    masked: str
    #: Send a title and a body; whether the channel took them.
    send: Callable[[str, str, Tone], bool] = field(repr=False, compare=False)


def alert_channels(urls: str) -> tuple[list[AlertChannel], list[int]]:
    """The channels of these addresses, and the places (from 1) of those that Apprise cannot use."""
    if not urls:
        return [], []
    pin_loggers()
    import apprise
    from apprise.utils.parse import parse_urls

    channels: dict[str, AlertChannel] = {}
    unusable: list[int] = []
    for place, url in enumerate(parse_urls(urls), 1):  # type: ignore[no-untyped-call]
        with warnings.catch_warnings(action="ignore"):  # of the modules that the first address loads
            service = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if service is None:
            unusable.append(place)
        else:
            channel = _channel(service)
            channels.setdefault(channel.key, channel)
    return list(channels.values()), unusable


def pin_loggers() -> None:
    """Keep Apprise and urllib3 from printing tokens, also where the root logger prints everything."""
    for name in _PINNED:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _channel(service: NotifyBase) -> AlertChannel:
    import apprise

    service.socket_connect_timeout, service.socket_read_timeout = CONNECT_PATIENCE, ANSWER_PATIENCE
    single = apprise.Apprise()
    single.add(service)

    def send(title: str, body: str, tone: Tone) -> bool:
        # Plain text, which each service escapes for itself.
        kind = apprise.NotifyType(tone)
        return bool(single.notify(body, title=title, notify_type=kind, body_format=apprise.NotifyFormat.TEXT))

    address: str = service.url()  # type: ignore[no-untyped-call]
    masked: str = service.url(privacy=True).partition("?")[0]  # type: ignore[no-untyped-call]
    return AlertChannel(hashlib.sha256(address.encode()).hexdigest()[:32], masked, send)
