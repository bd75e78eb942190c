"""The words of a plan, on a terminal and in a comment."""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.planning.objects import ObjectChange, PropertyChange
from ingestion.planning.plan import Plan, VersionStep
from ingestion.wording import counted


def verdict_sentence(plan: Plan) -> str:
    """What it comes to, with its full stop."""
    refused = f" {counted(len(plan.refusals), 'reason')} to refuse it." if plan.refusals else ""
    if not plan.changes and not plan.versions:
        return f"Nothing would change, {counted(plan.unchanged, 'object')} stay.{refused}"
    return (
        f"{counted(len(plan.changes), 'object')} would change, {plan.unchanged:,} stay; "
        f"{counted(len(plan.versions), 'feature')} would count up.{refused}"
    )


def change_lines(plan: Plan, *, marked: bool = False) -> Iterator[str]:
    """Each object that changes, and below it what of it does: lines that go after "-", lines that come after "+".

    `marked` as a diff is: the marks stand first, and "!" before other lines.
    """
    before_name, indent = ("! ", "") if marked else ("", "    ")
    for change in plan.changes:
        yield f"{before_name}{change.change:<8} {change.object}"
        for each in shown_properties(change):
            yield f"{before_name}{'' if marked else '  '}{each.name}"
            yield from (f"{indent}{line}" for line in each.lines)


def shown_properties(change: ObjectChange) -> list[PropertyChange]:
    """All that differs; of a feature that is added its type and formula, and of other objects nothing."""
    if change.change == "changed":
        return list(change.properties)
    names = ("type", "formula") if change.change == "added" and change.object.startswith("feature ") else ()
    return [each for each in change.properties if each.name in names]


def version_text(step: VersionStep) -> str:
    """One feature that counts up: "sport_stats:sport_roi, version 1 to 2"."""
    versions = f"version {step.before} to {step.after}" if step.before else f"new, version {step.after}"
    return f"{step.view}:{step.feature}, {versions}{'' if step.is_published else ', which is not published'}"


def following_sentence(plan: Plan) -> str:
    """What the backfill is of, and how much work it is; an empty text where none follows."""
    if not plan.backfills:
        return ""
    views = ", ".join(
        each.view + (f" (some {each.rows:,} change rows)" if each.rows is not None else "") for each in plan.backfills
    )
    replayed = f"; it replays {counted(plan.replayed, 'version')} of bets" if plan.replayed is not None else ""
    return f"The backfill is of {views}{replayed}."
