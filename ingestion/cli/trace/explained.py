"""Explanations in columns, and as documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from ingestion.cli.output import print_line, print_wrapped
from ingestion.cli.tables import print_table
from ingestion.wording import counted, span

if TYPE_CHECKING:
    from feature_repo.explanation.result import (
        ArrivedVersion,
        BehindVersion,
        Change,
        ExplainedFeature,
        ExplainedView,
        Explanation,
        RunBehind,
    )

_DISAGREES: Final = "DISAGREES"
_PAYLOADS: Final = 1


def explanation_document(explanation: Explanation) -> dict[str, Any]:
    """The explanation as `--json` has it."""
    document = asdict(explanation) | {"agrees": explanation.agrees}
    for view, shown in zip(explanation.views, document["views"], strict=True):
        shown["agrees"] = view.agrees
    return document


def print_explained_feature(explanation: Explanation, view: ExplainedView, short: Mapping[UUID, str]) -> None:
    """All that is known of one feature."""
    (feature,) = view.features
    of = f"bet {explanation.bet}" if view.key in (None, explanation.bet) else str(view.key)
    status = "" if feature.offline_status in ("PRESENT", "NULL_VALUE") else f" ({feature.offline_status})"
    value = f"{value_text(feature.offline)}{status}"
    print_wrapped(f"{view.view}:{feature.feature} of {of} is {value} as of {instant_text(explanation.at)}")
    print_line()
    print_table(
        ["", "value", ""],
        [
            ("offline", value_text(feature.offline), _standing(feature.offline_status, view, view.as_of)),
            ("online, now", value_text(feature.online), _standing(feature.online_status, view, view.online_as_of)),
            ("from its bets", value_text(feature.recomputed), _verdict(feature)),
        ],
        wrap=True,
    )
    print_wrapped(feature.calculation)
    for change in view.changes:
        print_line()
        _print_change(change, short)
    print_line()
    _print_versions(view)


def print_explained_vector(explanation: Explanation, views: Sequence[ExplainedView], short: Mapping[UUID, str]) -> None:
    """A line for each feature of these views, and what disagrees with its bets."""
    of = f" of bet {explanation.bet}" if explanation.bet else ""
    print_wrapped(f"{explanation.subject}{of}, as of {instant_text(explanation.at)}")
    for view in views:
        print_line()
        key = (
            "computed on demand"
            if view.ttl_seconds is None
            else f"{view.key}, {_standing('PRESENT', view, view.as_of)}"
        )
        print_wrapped(f"{view.view}: {key}")
        print_table(["feature", "offline", "online, now", "from its bets"], map(_feature_row, view.features))
        _print_when_changed(view.features, short)


def _feature_row(feature: ExplainedFeature) -> tuple[str, str, str, str]:
    """The name, the value offline and, where they differ from that, online and from the bets."""
    offline = _or_status(feature.offline, feature.offline_status)
    online = _or_status(feature.online, feature.online_status)
    agreement = "agrees" if feature.agrees else f"{_DISAGREES}: {value_text(feature.recomputed)}"
    return feature.feature, offline, "same" if online == offline else online, agreement


def _print_when_changed(features: Sequence[ExplainedFeature], short: Mapping[UUID, str]) -> None:
    """A paragraph for each run and instant that changed any of these features last."""
    changed: dict[tuple[datetime, UUID | None], list[str]] = {}
    for feature in features:
        if feature.changed_at is not None:
            changed.setdefault((feature.changed_at, feature.changed_by), []).append(feature.feature)
    for (at, run_id), names in changed.items():
        by = f", by run {short.get(run_id, run_id)}" if run_id else ""
        print_wrapped(f"Changed at {instant_text(at)}{by}: {', '.join(names)}.", hanging=2)


def last_line(explanation: Explanation) -> str:
    """Whether all agrees, and what to do where something does not."""
    wrong = [feature for feature in explanation.features if not feature.agrees]
    if wrong:
        named = "; ".join(
            f"{each.view}:{each.feature} is stored as {value_text(each.stored)}, its bets give "
            f"{value_text(each.recomputed)}"
            for each in wrong
        )
        return (
            f"{named}. Either the change rows or the log were changed since, or the definition was: `pikkit verify` "
            "counts all such differences, `pikkit status` tells whether a backfill is due, and that mends them."
        )
    behind = [each.feature for each in explanation.features if _is_behind(explanation, each)]
    if behind:
        return (
            f"All agrees with the bets; Redis has other values of {', '.join(behind)}: `pikkit materialize` brings it "
            "up to what was published."
        )
    past = [each.feature for each in explanation.features if each.offline_status == "OUTSIDE_MAX_AGE"]
    if past:
        are_null = f"{past[0]} is" if len(past) == 1 else f"{len(past)} features are"
        return (
            f"What is stored is what its bets give, but {are_null} served as null, being older than the TTL: "
            "`pikkit status` has the age of each view. Nothing was changed."
        )
    number = len(explanation.features)
    if number == 1:
        return "It is what its bets give. Nothing was changed."
    return (
        f"All {number} features are what their bets give. `pikkit explain VIEW:FEATURE` shows the bets and the source "
        "row behind one. Nothing was changed."
    )


def _is_behind(explanation: Explanation, feature: ExplainedFeature) -> bool:
    is_now = explanation.at == explanation.now
    return is_now and feature.online_status != "UNREACHABLE" and feature.online != feature.offline


def _verdict(feature: ExplainedFeature) -> str:
    if feature.agrees:
        return "agrees"
    return f"{_DISAGREES}: the change row holds {value_text(feature.stored)}"


def _standing(status: str, view: ExplainedView, as_of: datetime | None) -> str:
    if view.ttl_seconds is None:
        return "computed on demand from the bet"
    ttl = f"TTL {span(timedelta(seconds=view.ttl_seconds))}"
    known = f"known to hold up to {instant_text(as_of)}, {ttl}" if as_of else f"nothing stands there, {ttl}"
    return known if status == "PRESENT" else f"{status}, {known}"


# ---- what changed it -----------------------------------------------------------------------------------------------


def _print_change(change: Change, short: Mapping[UUID, str]) -> None:
    run = change.run
    by = "by a run that has no record"
    if run is not None:
        source = f" of {run.source}" if run.source else ""
        called = short.get(run.run_id, run.run_id)
        by = f"by run {called} ({run.verb}{source}, clock {instant_text(run.now)}); {_gate(run)}"
    print_wrapped(f"Last changed at {instant_text(change.event_timestamp)}, {by}.")
    if not change.versions:
        return
    rest = f", of which {len(change.versions)} are shown" if change.versions_in_all > len(change.versions) else ""
    print_wrapped(f"{counted(change.versions_in_all, 'version')} became known then{rest}:")
    print_table(
        ["seq", "bet", "status", "replaces", "came from, received"],
        [
            (
                str(version.seq),
                version.id,
                "deleted" if version.is_deleted else version.status,
                str(version.previous_seq or "-"),
                f"{version.stream or '-'}, {instant_text(version.received_at)}",
            )
            for version in change.versions
        ],
        wrap=True,
    )
    _print_rows(change.versions)


def _print_rows(versions: Iterable[ArrivedVersion]) -> None:
    """Where their streams stand, and the row behind the newest."""
    cursors = {version.stream: version for version in versions if version.cursor_updated_at}
    for stream, version in cursors.items():
        newest = f", id {version.cursor_id}" if version.cursor_id is not None else ""
        print_wrapped(f"{stream} has been read up to {instant_text(version.cursor_updated_at)}{newest}.")
    for version in list(versions)[:_PAYLOADS]:
        print_line(f"Row {version.seq} of raw.bet_versions, as it was sent: {version.payload}")


def _gate(run: RunBehind) -> str:
    if run.gate is None:
        return "it judged nothing"
    checks = [(run.checks_passed, "passed"), (run.checks_warned, "warned"), (run.checks_failed, "failed")]
    told = ", ".join(f"{number} {state}" for number, state in checks if number)
    if run.gate == "overridden":
        from ingestion.runs.actor import by_actor

        by = by_actor(run.overridden_by) if run.overridden_by else ""
        return f"its gate was overridden{by}: {run.reason} ({told})"
    return f"its gate {run.gate} ({told})"


# ---- the bets behind it --------------------------------------------------------------------------------------------


def _print_versions(view: ExplainedView) -> None:
    if not view.versions:
        print_line(f"{counted(view.versions_in_all, 'version')} behind it.")
        return
    rest = "" if len(view.versions) >= view.versions_in_all else _of_the_rest(len(view.versions))
    print_wrapped(f"{counted(view.versions_in_all, 'version')} behind it{rest}:")
    sums = list(dict.fromkeys(name for version in view.versions for name in version.adds))
    is_replaced = any(version.state != "counts" for version in view.versions)
    print_table(
        ["known at", "bet", "seq", "status", "odds", *sums, *(["state"] if is_replaced else [])],
        [
            (
                version.known_at,
                version.id,
                str(version.seq),
                version.status,
                "-" if version.american_odds is None else f"{version.american_odds:+d}",
                *(value_text(version.adds.get(name)) for name in sums),
                *([_state(version)] if is_replaced else []),
            )
            for version in view.versions
        ],
    )


def _of_the_rest(listed: int) -> str:
    from feature_repo.explanation.group_bets import MOST_LISTED

    more = "--all lists all" if listed < MOST_LISTED else "no more are listed at once, --at lists earlier ones"
    return f", the newest {listed:,} here; {more}"


def _state(version: BehindVersion) -> str:
    if version.state == "replaced":
        return f"replaced by {version.replaced_by} at {instant_text(version.replaced_at)}"
    return str(version.state)


# ---- values --------------------------------------------------------------------------------------------------------


def value_text(value: Any) -> str:
    """A value of a feature, to ten digits."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return instant_text(value)
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _or_status(value: Any, status: str) -> str:
    return value_text(value) if status in ("PRESENT", "NULL_VALUE") else status


def instant_text(at: datetime | None) -> str:
    """An instant to the microsecond, in UTC."""
    if at is None:
        return "-"
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
