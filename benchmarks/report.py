"""benchmarks/RESULTS.md: what was measured, on what, and whether it is what DESIGN asks for."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks.measuring import Row

_PACKAGES: Final = ("feast", "polars", "pandas", "pyarrow", "numpy", "psycopg", "redis", "hiredis", "pydantic")


@dataclass(frozen=True)
class Section:
    """A benchmark: its rows, or what it printed, and how long it took."""

    name: str
    rows: Sequence[Row]
    seconds: float
    text: str = ""
    failure: str = ""


def write(file: Path, sections: Sequence[Section], *, full: bool) -> None:
    """Write the report over the last one."""
    parts = [_head(full), _verdict(sections), *(_section(section) for section in sections)]
    file.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _head(full: bool) -> str:
    command = "make bench-full" if full else "make bench"
    return f"""# What was measured

Written by `{command}` on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; do not edit. All ratios are between two sides of one
run. Figures are medians, in brackets the least and the greatest. What a row sets against what is said at the top of
`benchmarks/<name>.py`. Other sizes are measured by `{"make bench" if full else "make bench-full"}`.

- Machine: {machine()}; load before the end {", ".join(f"{load:.1f}" for load in os.getloadavg())} (1, 5, 15 minutes)
- Servers: embedded, on the same machine: {servers()}
- {versions()}"""


def _verdict(sections: Sequence[Section]) -> str:
    judged = [row for section in sections for row in section.rows if row.target is not None]
    missed = [(section.name, row) for section in sections for row in section.rows if row.reached is False]
    lines = [f"**{len(judged) - len(missed)} of {len(judged)} targets reached.**"]
    if missed:
        lines += ["", "Not reached:", ""]
        lines += [f"- {name}: {row.work} ({' against '.join(row.sides())}): {row.verdict()}" for name, row in missed]
    failed = [f"- {section.name} failed: {section.failure}" for section in sections if section.failure]
    return "\n".join([*lines, *(["", *failed] if failed else [])])


def _section(section: Section) -> str:
    first = (import_module(f"benchmarks.{section.name}").__doc__ or "").partition("\n")[0]
    parts = [f"## {section.name}\n\n{first} Took {section.seconds:,.0f} s."]
    if section.rows:
        parts.append(_table(section.rows))
    if section.text:
        parts.append(f"```\n{section.text}\n```")
    if section.failure:
        parts.append(f"**It failed: {section.failure}**")
    return "\n\n".join(parts)


def _table(rows: Iterable[Row]) -> str:
    lines = ["| work | ours | against | ratio | target | |", "|---|---|---|---|---|---|"]
    for row in rows:
        work, *rest = row.cells()
        verdict = rest.pop().replace("not reached", "**not reached**")
        lines.append(f"| {' | '.join([f'{work}. {row.note}' if row.note else work, *rest, verdict])} |")
    return "\n".join(lines)


def machine() -> str:
    """The processor, its cores and the memory."""
    model = platform.processor() or platform.machine()
    if (cpuinfo := Path("/proc/cpuinfo")).exists():
        named = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = named[0].partition(":")[2].strip() if named else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}"


def servers() -> str:
    """The embedded Postgres and Redis, as their binaries name themselves."""
    from ingestion.embedded import postgres, redis

    commands = ([postgres._binary("postgres"), "--version"], [redis._binary(), "--version"])
    return "; ".join(
        subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() for command in commands
    )


def versions() -> str:
    """Of Python and the packages that the figures depend on."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return f"Python {platform.python_version()}, {packages}"
