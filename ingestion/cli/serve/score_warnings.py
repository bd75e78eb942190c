"""Warnings of `pikkit score`: values that are stale, names that are unknown, instants without a zone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from ingestion.cli.output import say, say_warning
from ingestion.cli.serve.vectors import oldest
from ingestion.wording import span

if TYPE_CHECKING:
    from ingestion.serving.score import Scored, UnknownName

# Names and instants told one by one.
_NAMED = 10


def warn_of_ages(scored: Scored) -> None:
    """A line on stderr when any view is null for being past its TTL, or holds what is not known yet by the clock."""
    from feature_repo.clock import CLOCK_TOLERANCE

    if ahead := [view for view in oldest(scored) if view.age is not None and view.age < -CLOCK_TOLERANCE]:
        say_warning(
            f"values of {', '.join(view.view for view in ahead)} are as of a later instant than the clock says: it is "
            "behind, or the store was refreshed by one that ran ahead. `pikkit doctor` tells which."
        )
    stale = [view for view in oldest(scored) if view.is_stale]
    instants = [(view.event_timestamp, view.age) for view in stale if view.event_timestamp and view.age is not None]
    if instants:
        newest, age = max(instants)
        say_warning(
            f"values past their TTL in {', '.join(view.view for view in stale)}; the newest are as of "
            f"{newest:%Y-%m-%dT%H:%M:%SZ}, {span(age)} ago. They are null. Run `pikkit run`, or look at the store as "
            "of then with --now or PIKKIT_NOW."
        )


def warn_of_naive(texts: Sequence[str]) -> None:
    """A line on stderr for instants that name no zone, with the spelling that does."""
    named = ", ".join(repr(text) for text in texts[:_NAMED])
    more = len(texts) - _NAMED
    say_warning(
        f"time_placed names no zone and was read as UTC: {named}{f', and {more:,} more' if more > 0 else ''}. A zone "
        f"is needed where it is another: write {texts[0].strip()}Z for UTC, or {texts[0].strip()}-05:00, say."
    )


def say_what_was_left_out(columns: Collection[str]) -> None:
    """A line on stderr that names the options of the bet that were not given."""
    from feature_repo.bets.frame import NEEDED

    if left_out := [name for name in NEEDED if name not in columns and name != "time_placed"]:
        say(f"Not given, and taken as unknown: {', '.join(left_out)}.")


def warn_of_unknown(scored: Scored) -> None:
    """A line on stderr when bets that were asked for by id are not there, names are unknown, or nothing is known."""
    from ingestion.serving.known_names import NAME_KINDS

    if scored.unknown:
        say(f"No such bet is online: {', '.join(scored.unknown)}. All its features are null.")
    if scored.unknown_names:
        named = "; ".join(map(_unknown_name, scored.unknown_names[:_NAMED]))
        more = len(scored.unknown_names) - _NAMED
        columns = {unknown.column for unknown in scored.unknown_names}
        lists = [
            f"`pikkit groups {kind}`" for kind, names in NAME_KINDS.items() if len(names) == 1 and columns & {*names}
        ]
        say_warning(
            f"the store does not know {named}{f'; and {more:,} more names' if more > 0 else ''}. No bet with "
            "such a name was ever stored: the features of its groups are null, and its code is 0. "
            f"Those that are known: {', '.join(lists)}."
        )
    knows_a_group = any(vector.names_known_group for vector in scored.vectors)
    if knows_a_group and not any(age.event_timestamp for vector in scored.vectors for age in vector.views):
        say_warning(
            "the online store knows none of these groups. When it should, it has lost its copy: "
            "`pikkit status` tells, and `pikkit materialize` fills it again."
        )


def _unknown_name(name: UnknownName) -> str:
    hint = f" (did you mean {' or '.join(map(repr, name.nearest))}?)" if name.nearest else ""
    return f"{name.column} {name.name!r}{hint}"
