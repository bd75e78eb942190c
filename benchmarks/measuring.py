"""What every benchmark measures with: rounds in turn, medians and spreads, rows of a table, and the report.

A row sets what we took against what something else took in the same run, and says what the ratio must reach.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
GIB: Final = 2**30


@dataclass(frozen=True)
class Sample:
    """What was measured of one side, round by round, in seconds (or in `unit`)."""

    name: str
    values: tuple[float, ...]
    unit: str = "s"
    #: It was stopped then, or failed: it would have taken longer.
    cut_off: bool = False

    @property
    def median(self) -> float:
        """The middle one of the rounds."""
        return statistics.median(self.values)

    def __str__(self) -> str:
        scale, unit = _scale(self.median, self.unit)
        text = f"{'≥ ' if self.cut_off else ''}{_number(self.median * scale)} {unit}"
        if len(self.values) == 1:
            return text
        return f"{text} ({_number(min(self.values) * scale)} to {_number(max(self.values) * scale)})"


@dataclass(frozen=True)
class Row:
    """One comparison. With `target`, the ratio has to reach it: from above for a speed-up, from below for a cost."""

    work: str
    ours: Sample
    theirs: Sample | None = None
    #: Whether the ratio says how many times faster we are; else, how many times what the other takes.
    speedup: bool = False
    target: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float:
        """See `speedup`. Without another side, what was measured itself."""
        if self.theirs is None:
            return self.ours.median
        pair = (self.theirs, self.ours) if self.speedup else (self.ours, self.theirs)
        return pair[0].median / pair[1].median

    @property
    def reached(self) -> bool | None:
        """Whether the target was reached; None without one."""
        if self.target is None:
            return None
        return self.ratio >= self.target if self.speedup else self.ratio <= self.target

    def sides(self) -> list[str]:
        """Ours, and the other if there is one, each with what was measured."""
        return [f"{side.name}: {side}" for side in (self.ours, self.theirs) if side]

    def verdict(self) -> str:
        """The ratio beside its target."""
        found = self._ratio() or str(self.ours)
        return f"{found}, to be {self._target()}"

    def cells(self) -> tuple[str, ...]:
        """Work, ours, the other, ratio, target, and whether it was reached."""
        ours, theirs = [*self.sides(), ""][:2]
        verdict = {None: "", True: "reached", False: "not reached"}[self.reached]
        return (self.work, ours, theirs, self._ratio(), self._target(), verdict)

    def _ratio(self) -> str:
        if self.theirs is None:
            return ""
        bound = "≥ " if self.theirs.cut_off and self.speedup else ""
        return f"{bound}{_number(self.ratio)}x {'as fast' if self.speedup else 'the time'}"

    def _target(self) -> str:
        if self.target is None:
            return ""
        unit = "x" if self.theirs else f" {self.ours.unit}"
        return f"{'≥' if self.speedup else '≤'} {self.target:g}{unit}"


def _scale(value: float, unit: str) -> tuple[float, str]:
    if unit != "s" or value >= 1:
        return 1, unit
    return (1e3, "ms") if value >= 1e-3 else (1e6, "µs")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


# ---- measuring -----------------------------------------------------------------------------------------------------


def timed(work: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def in_turn(rounds: int, works: Mapping[str, Callable[[], object]], *, warm: bool = True) -> dict[str, Sample]:
    """Seconds of each work, round by round in turn, so that a noisy machine treats all alike. `warm`: once before."""
    if warm:
        for work in works.values():
            work()
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            taken[name].append(timed(work))
    return {name: Sample(name, tuple(values)) for name, values in taken.items()}


def rates(taken: Mapping[str, Sample], things: int, unit: str = "rows") -> str:
    """What each side does in a second, for a note."""
    return ", ".join(f"{sample.name} {things / sample.median:,.0f} {unit}/s" for sample in taken.values())


def alone(module: str, *arguments: str, limit: float = 3_600) -> dict[str, Any]:
    """What `python -m module arguments` prints last, as JSON: one side in a process of its own, for its peak memory.

    Raises subprocess.TimeoutExpired past `limit` seconds, and RuntimeError with its last words when it fails.
    """
    command = [sys.executable, "-m", module, *arguments]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit, check=False)
    if ran.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {ran.stderr.strip()[-2000:]}")
    told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return told


def peak_memory() -> int:
    """The most bytes that this process ever held. The kernel's `ru_maxrss` counts those of its parent, too."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


# ---- telling -------------------------------------------------------------------------------------------------------


def show(title: str, rows: Sequence[Row]) -> None:
    """Print a table, one row a comparison."""
    cells = [row.cells() for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    print(f"\n{title}")
    for row, texts in zip(rows, cells, strict=True):
        line = "  ".join(text.ljust(width) for text, width in zip(texts, widths, strict=True))
        print(f"  {line.rstrip()}{f'   ({row.note})' if row.note else ''}", flush=True)
