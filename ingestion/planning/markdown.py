"""A plan as GitHub's Markdown, for a comment on a pull request and the summary of a job.

What comes from declarations is code, in spans and fences that it cannot end: a comment is written with a right that
whoever wrote the declarations may not have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from feature_repo.errors import ConfigurationError
from ingestion.planning.plan import Plan
from ingestion.planning.wording import change_lines, following_sentence, verdict_sentence, version_text

# By it a workflow finds its comment again.
MARKER: Final = "<!-- pikkit plan -->"
# GitHub takes 65,536 characters.
_MOST_CHARACTERS: Final = 60_000


def write_markdown(path: Path, plan: Plan) -> None:
    """Write the plan to this file. Raises ConfigurationError when it cannot be written."""
    try:
        path.write_text(markdown_of(plan), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"The plan cannot be written to {path}: {error.strerror}", "Nothing was changed", "Name another file"
        ) from error


def markdown_of(plan: Plan) -> str:
    """The plan: the verdict, what is refused, what changes as a diff, which features count up, what follows."""
    parts = [MARKER, f"### {verdict_sentence(plan)}", f"Compared with {_code(plan.base)}."]
    if plan.refusals:
        reasons = [f"- {_code(each.what)}  \n  {_code(each.next_step)}" for each in plan.refusals]
        parts.append("\n".join(["**Would be refused:**", "", *reasons]))
    ending = []
    if plan.versions:
        ending.append("\n".join(["**Count up:**", "", *(f"- {_code(version_text(each))}" for each in plan.versions)]))
    if plan.steps:
        ending.append(f"**Then:** {', '.join(map(_code, plan.steps))}. {_code(following_sentence(plan))}")
    room = _MOST_CHARACTERS - sum(len(part) + 2 for part in (*parts, *ending))
    if plan.changes:
        parts.append(_fenced(list(change_lines(plan, marked=True)), room))
    return "\n\n".join([*parts, *ending])[:_MOST_CHARACTERS] + "\n"


def _code(text: str) -> str:
    flat = " ".join(text.split())
    ticks = "`" * (_longest_run(flat) + 1)
    padded = f" {flat} " if flat.startswith("`") or flat.endswith("`") else flat
    return f"{ticks}{padded}{ticks}"


def _fenced(lines: list[str], room: int) -> str:
    ticks = "`" * max(3, _longest_run("\n".join(lines)) + 1)
    fitting = list(_fitting(lines, room - 2 * len(ticks) - 100))
    if len(fitting) < len(lines):
        fitting.append(f"... and {len(lines) - len(fitting):,} more lines: see `make plan`")
    return "\n".join([f"{ticks}diff", *fitting, ticks])


def _fitting(lines: list[str], room: int) -> Iterator[str]:
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            return
        yield line


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
