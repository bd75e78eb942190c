"""A headless Chromium, spoken to through a pipe: what a page asks for, what it complains about, how it looks.

A test that needs it is skipped where none is installed.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.rigs.processes import PATIENCE

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No name leads anywhere, whoever asks.
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-pipe",
)
# The pipes are descriptors 3 and 4 of the browser, by its convention.
WITH_PIPES = 'exec "$@" 3<&"$COMMANDS" 4>&"$EVENTS"'
Scheme = Literal["light", "dark"]


@dataclass
class Browser:
    """A page in a browser. `events` are those of the page, as the browser reports them, the oldest first."""

    commands: int
    answers: int
    events: list[dict[str, Any]] = field(default_factory=list)
    _session: str | None = None
    _number: int = 0
    _unread: bytes = b""

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Have the browser do something (Chrome DevTools Protocol), and return what it answers."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._number:
            self.events.append(answer)
        assert "error" not in answer, (method, answer)
        return dict(answer["result"])

    def attach(self) -> None:
        """Take the one page there is, and have it report what it asks for and what it complains about."""
        (page,) = [each for each in self.call("Target.getTargets")["targetInfos"] if each["type"] == "page"]
        attached = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime", "Security"):
            self.call(f"{domain}.enable")

    def open(self, url: str, *, width: int, scheme: Scheme) -> None:
        """Load a page in a window so wide, in this colour scheme, and wait until it has loaded."""
        self.events.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Page.navigate", url=url)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._read())

    def value(self, expression: str) -> Any:
        """What an expression in the page evaluates to."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def requests(self) -> list[str]:
        """The addresses that the page has asked for, itself included."""
        return [
            event["params"]["request"]["url"] for event in self.events if event["method"] == "Network.requestWillBeSent"
        ]

    def complaints(self) -> list[dict[str, Any]]:
        """What stands in the console: of scripts, of the policy, of the network."""
        methods = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        return [event["params"] for event in self.events if event["method"] in methods]

    def screenshot(self, *, height: int | None = None) -> bytes:
        """The page as a PNG, whole or the uppermost so many pixels."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height or size["height"], "scale": 1}
        taken = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(taken["data"])

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            part = os.read(self.answers, 1 << 20)
            assert part, "the browser has ended"
            self._unread += part
        message, self._unread = self._unread.split(b"\0", 1)
        return dict(json.loads(message))


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser of the test's own, with a profile of its own; it ends with the block."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    (their_commands, commands), (answers, their_events) = os.pipe(), os.pipe()
    environ = os.environ | {"COMMANDS": str(their_commands), "EVENTS": str(their_events)}
    process = subprocess.Popen(
        ["bash", "-c", WITH_PIPES, "chromium", CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        env=environ,
        pass_fds=(their_commands, their_events),
        stderr=subprocess.DEVNULL,
    )
    try:
        os.close(their_commands)
        os.close(their_events)
        page = Browser(commands, answers)
        page.attach()
        yield page
        page._session = None
        page.call("Browser.close")
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()
        os.close(commands)
        os.close(answers)
