"""Differences in columns, and as documents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from ingestion.cli.output import print_line, print_wrapped
from ingestion.cli.tables import print_table
from ingestion.cli.trace.explained import instant_text, value_text
from ingestion.wording import counted

if TYPE_CHECKING:
    from feature_repo.explanation.differences.difference import Difference, DifferingRow, DifferingView

_NO_VIEW: Final = "columns of no view"
# Spaces before what belongs to a row.
_INDENT: Final = 2


def difference_document(difference: Difference) -> dict[str, Any]:
    """The difference as `--json` has it."""
    return asdict(difference) | {"rows": difference.rows}


def print_difference(difference: Difference) -> None:
    """Counts, then rows view by view, then what it comes to."""
    print_wrapped(_heading(difference))
    if difference.frames is not None:
        _print_frames(difference)
    for gone in (view for view in difference.views if not (view.is_served_before and view.is_served_after)):
        side = "neither side" if not gone.is_served_before and not gone.is_served_after else _unserved_side(gone)
        print_wrapped(f"{gone.view} is null on {side}: no run had refreshed it within its TTL.")
    print_line()
    if difference.rows:
        print_table(
            ["view", "rows", "in how many of them each feature differs"],
            [
                (
                    view.view or _NO_VIEW,
                    view.rows,
                    ", ".join(f"{name} {rows:,}" for name, rows in view.features.items()),
                )
                for view in difference.views
                if view.rows
            ],
            wrap=True,
        )
    for view in difference.views:
        _print_view(view, difference)
    _print_backdated(difference)
    print_line()
    print_wrapped(_last_line(difference))


def _heading(difference: Difference) -> str:
    if difference.kind == "instants":
        sides = f"From {instant_text(difference.before_at)} to {instant_text(difference.after_at)}"
    else:
        sides = f"From {difference.before} to {difference.after}"
    if difference.kind == "runs":
        sides += f" (clocks {instant_text(difference.before_at)} and {instant_text(difference.after_at)})"
    if difference.versions_between is None:
        return f"{sides}."
    return f"{sides}: {counted(difference.versions_between, 'version')} became known."


def _print_frames(difference: Difference) -> None:
    counts = difference.frames
    if counts is None:
        return
    print_wrapped(
        f"{counts.before:,} and {counts.after:,} rows; {counts.only_before:,} only in the first, "
        f"{counts.only_after:,} only in the second by keys and event_timestamp, of which {counts.paired:,} were "
        "compared with the row of the same keys at another instant."
    )
    for side, columns in (("first", counts.columns_only_before), ("second", counts.columns_only_after)):
        if columns:
            print_wrapped(f"Only in the {side}: {', '.join(columns)}.")


def _unserved_side(view: DifferingView) -> str:
    return "the first side" if view.is_served_after else "the second side"


def _print_view(view: DifferingView, difference: Difference) -> None:
    if view.expired:
        print_line()
        print_wrapped(f"{view.view}: {counted(view.expired, 'bet')} served before and past the TTL since.")
    if not view.listed:
        return
    print_line()
    rest = f", {len(view.listed)} of them here; --all shows all" if len(view.listed) < view.rows else ""
    new = f", {view.new:,} of them new" if view.new else ""
    print_wrapped(f"{view.view or _NO_VIEW}: {counted(view.rows, 'row')} {_differ(view.rows)}{new}{rest}.")
    for row in view.listed:
        print_line()
        print_wrapped(f"{row.key or 'row'}{_at(row, difference)}", indent=_INDENT)
        values = [(changed.feature, value_text(changed.before), value_text(changed.after)) for changed in row.values]
        print_table(["  feature", "before", "after"], [(f"  {feature}", *both) for feature, *both in values])
        for line in _causes(row, difference):
            print_wrapped(line, indent=_INDENT)


def _at(row: DifferingRow, difference: Difference) -> str:
    if difference.kind != "frames":
        return ""
    if row.before_at == row.after_at:
        return f" at {instant_text(row.before_at)}"
    return f" at {instant_text(row.before_at)} and {instant_text(row.after_at)}"


def _causes(row: DifferingRow, difference: Difference) -> Iterator[str]:
    if row.versions:
        named = ", ".join(
            f"{version.id} ({'deleted' if version.is_deleted else version.status}, version {version.seq}"
            f"{f' for {version.previous_seq}' if version.previous_seq else ''}, {instant_text(version.known_at)})"
            for version in row.versions
        )
        more = (
            f" and {row.versions_in_all - len(row.versions):,} more" if row.versions_in_all > len(row.versions) else ""
        )
        yield f"by {named}{more}"
    run = row.written_by
    wrote = f"run {run.run_id} ({run.verb}, clock {instant_text(run.now)}) wrote what the store has now" if run else ""
    if row.store_has is None:
        if wrote and difference.kind == "frames":
            yield wrote
        return
    has = {"before": "the first frame's value", "after": "the second frame's value", "neither": "neither value"}
    yield (
        f"no bet became known between equal instants: the store answers with {has[row.store_has]} now"
        + (f"; {wrote}" if wrote else "")
    )


def _print_backdated(difference: Difference) -> None:
    if difference.backdated:
        print_line()
        print_wrapped(
            "Later runs wrote rows that hold from before the first run's clock on: a backfill replaces history, and "
            "the facts of a new bet hold from its placement on."
        )
        print_table(
            ["view", "run", "verb", "rows"],
            [(each.view, str(each.run_id), each.verb or "-", each.rows) for each in difference.backdated],
        )


def _differ(rows: int) -> str:
    return "differs" if rows == 1 else "differ"


def _last_line(difference: Difference) -> str:
    if not difference.rows:
        return "No feature differs. Nothing was changed."
    views = sum(1 for view in difference.views if view.rows)
    features = sum(len(view.features) for view in difference.views)
    return (
        f"{counted(difference.rows, 'row')} of {counted(views, 'view')} {_differ(difference.rows)}, in "
        f"{counted(features, 'feature')}; "
        "`pikkit explain FEATURE --key KEY --at INSTANT` says why a value is what it is. Nothing was changed."
    )
