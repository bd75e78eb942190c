"""The verbs about single bets: score, sample."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingestion.cli.output import Json, Now, decimals, print_json, print_line, print_table, say, say_warning
from ingestion.cli.runs import MappingOption
from ingestion.cli.stores import begin, load_feast, stores
from ingestion.wording import counted, span

if TYPE_CHECKING:
    import polars as pl

    from ingestion.serving.score import Scored, UnknownName, ViewAge

# Bets printed side by side.
_ABREAST = 5
_NO_AGE = timedelta.min
# Names and instants told one by one.
_NAMED = 10


def score(
    bet: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="The bet as a JSON object, or several in an array; - reads standard input."),
    ] = None,
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="A Parquet, JSON or CSV file of bets.")] = None,
    mapping: MappingOption = None,
    id: Annotated[str | None, typer.Option(help="Id of the bet; bet_lookup_v1 needs nothing else.")] = None,
    sport: Annotated[str | None, typer.Option(help="Sport; an empty text is an unknown one, here and below.")] = None,
    league: Annotated[str | None, typer.Option(help="League.")] = None,
    market: Annotated[str | None, typer.Option(help="Market.")] = None,
    institution_name: Annotated[str | None, typer.Option(help="Sportsbook.")] = None,
    american_odds: Annotated[str | None, typer.Option(help="Price: -110, +250.")] = None,
    bet_type: Annotated[str | None, typer.Option(help="straight, parlay, round_robin_3 and so on.")] = None,
    live: Annotated[
        bool | None, typer.Option("--live/--no-live", help="Whether the event is under way (is_live).")
    ] = None,
    time_placed: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="When it is placed (ISO 8601). Default: now.")
    ] = None,
    clv_percentage: Annotated[str | None, typer.Option(help="Closing line value, where it is known already.")] = None,
    service: Annotated[
        str | None, typer.Option(help="Feature service. Default: market_profitability_at_placement_v1.")
    ] = None,
    now: Now = None,
    json: Json = False,
) -> None:
    """Turn a bet into its feature vector, read online.

    The bet is JSON, or a row of a file, or options for its columns; an option that is left out stands for a value that
    is not known. Names that the store does not know are told with the nearest that it knows.
    """
    from ingestion import clock
    from ingestion.serving.score import DEFAULT_SERVICE, check, naive_instants
    from ingestion.serving.score import score_bets as look_up

    columns = {
        "id": id,
        "sport": sport,
        "league": league,
        "market": market,
        "institution_name": institution_name,
        "american_odds": american_odds,
        "bet_type": bet_type,
        "is_live": live,
        "time_placed": time_placed,
        "clv_percentage": clv_percentage,
    }
    settings = begin(now)
    named = {name: value for name, value in columns.items() if value is not None}
    bets = _given(bet, file, mapping, named)
    naive = naive_instants(bets)
    service = service or DEFAULT_SERVICE
    check(bets, service=service, now=clock.now())
    connections = stores(settings, create=False)
    load_feast(checks_types=False)
    scored = look_up(connections, bets, service=service, now=clock.now())
    if json:
        print_json(as_json(scored) | {"naive_instants": naive})
    else:
        print_scored(scored)
    if naive:
        warn_of_naive(naive)
    if named and not scored.is_by_id:
        say_what_was_left_out(named)
    warn_of_unknown(scored)
    warn_of_ages(scored)


def _given(text: str | None, file: Path | None, mapping: Path | None, columns: dict[str, Any]) -> list[dict[str, Any]]:
    """The bets, in whichever of the three ways they were given."""
    from feature_repo.bets.frame import NEEDED
    from feature_repo.errors import ConfigurationError
    from ingestion.serving.score import parse_bets, read_bets

    if (text is not None) + (file is not None) + bool(columns) != 1:
        raise ConfigurationError(
            "A bet is given by --bet, by --file, or by --sport, --league and the rest, and by one of these alone",
            "Nothing was scored",
            "`pikkit score --help` lists the options",
        )
    if mapping is not None and file is None:
        raise ConfigurationError("--mapping is for a --file", "Nothing was scored", "Leave it out")
    if file is not None:
        from ingestion.sources.files.formats.registry import read_mapping

        return read_bets(file, read_mapping(mapping) if mapping else None)
    if text is None:
        return [dict.fromkeys(NEEDED) | columns]
    return parse_bets(sys.stdin.read() if text == "-" else text)


def as_json(scored: Scored) -> dict[str, Any]:
    """Vectors for machines: features in the service's order, ages in seconds, names that the store does not know."""
    from dataclasses import asdict

    return {
        "service": scored.service,
        "unknown_names": [asdict(one) for one in scored.unknown_names],
        "bets": [
            {
                "bet_id": vector.bet_id,
                "features": vector.values,
                "unknown_names": vector.unknown_names,
                "views": {
                    one.view: {
                        "event_timestamp": one.event_timestamp,
                        "age_seconds": one.age.total_seconds() if one.age is not None else None,
                        "ttl_seconds": one.ttl.total_seconds(),
                        "is_stale": one.is_stale,
                    }
                    for one in vector.views
                },
            }
            for vector in scored.vectors
        ],
    }


def print_scored(scored: Scored) -> None:
    """The vectors, and the age of every view against its TTL."""
    print_vectors(scored)
    print_line()
    ages = oldest(scored)
    print_table(["view", "as of", "age", "ttl"], [(one.view, one.event_timestamp, one.age, one.ttl) for one in ages])
    print_line()
    nulls = sum(value is None for one in scored.vectors for value in one.values.values())
    bets = f" of {len(scored.vectors):,} bets" if scored.vectors[1:] else ""
    print_line(f"{len(scored.homes)} features{bets} by {scored.service}, {nulls:,} null. Nothing was changed.")


def print_vectors(scored: Scored) -> None:
    """Features down, in the order of the service; bets across, a few at a time."""
    for start in range(0, len(scored.vectors), _ABREAST):
        some = scored.vectors[start : start + _ABREAST]
        names = [one.bet_id or f"bet {number}" for number, one in enumerate(some, start + 1)]
        values = [decimals(one.values.values()) for one in some]
        if start:
            print_line()
        headers = ["feature", *(names if scored.vectors[1:] else ["value"]), "view"]
        print_table(headers, zip(scored.homes, *values, scored.homes.values(), strict=True))


def oldest(scored: Scored) -> list[ViewAge]:
    """Of each view, the age of its oldest values among all bets."""
    by_view = zip(*(one.views for one in scored.vectors), strict=True)
    return [max(ages, key=lambda one: one.age if one.age is not None else _NO_AGE) for ages in by_view]


def warn_of_ages(scored: Scored) -> None:
    """A line on stderr when any view is null for being past its TTL, or holds what is not known yet by the clock."""
    from ingestion.clock import CLOCK_TOLERANCE

    if ahead := [one for one in oldest(scored) if one.age is not None and one.age < -CLOCK_TOLERANCE]:
        say_warning(
            f"values of {', '.join(one.view for one in ahead)} are as of a later instant than the clock says: it is "
            "behind, or the store was refreshed by one that ran ahead. `pikkit doctor` tells which."
        )
    stale = [one for one in oldest(scored) if one.is_stale]
    marks = [(one.event_timestamp, one.age) for one in stale if one.event_timestamp and one.age is not None]
    if marks:
        newest, age = max(marks)
        say_warning(
            f"values past their TTL in {', '.join(one.view for one in stale)}; the newest are as of "
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
        columns = {one.column for one in scored.unknown_names}
        lists = [
            f"`pikkit groups {kind}`" for kind, names in NAME_KINDS.items() if len(names) == 1 and columns & {*names}
        ]
        say_warning(
            f"the store does not know {named}{f'; and {more:,} more names' if more > 0 else ''}. No bet with "
            "such a name was ever stored: the features of its groups are null, and its code is 0. "
            f"Those that are known: {', '.join(lists)}."
        )
    known = any(one.names_known_group for one in scored.vectors)
    if known and not any(age.event_timestamp for one in scored.vectors for age in one.views):
        say_warning(
            "the online store knows none of these groups. When it should, it has lost its copy: "
            "`pikkit status` tells, and `pikkit materialize` fills it again."
        )


def _unknown_name(one: UnknownName) -> str:
    hint = f" (did you mean {' or '.join(map(repr, one.nearest))}?)" if one.nearest else ""
    return f"{one.column} {one.name!r}{hint}"


def sample(
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to: a name ending in .parquet, .jsonl or .csv.")],
    bets: Annotated[int, typer.Option(min=1, help="How many bets.")] = 27_000,
    seed: Annotated[int, typer.Option(help="Same seed, same clock, same sample.")] = 7,
    shape: Annotated[
        str | None, typer.Option("--as", metavar="FORMAT", help="pikkit-export: as Pikkit's own export has them.")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="INSTANT", help="With --as: the same bets as they were exported then."),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option("--layout", metavar="ORDER", help="With --as: iso-last, iso-beside or without-iso columns."),
    ] = None,
    now: Now = None,
    json: Json = False,
) -> None:
    """Write a synthetic sample of bets to a file.

    It holds what a source would have sent until now: every bet in its versions, as placed, settled and corrected. With
    --as it holds one row a bet, in the columns and the spellings of that export.
    """
    from ingestion import clock
    from ingestion.sample.sample import generate_sample, write_sample

    begin(now)
    rows = generate_sample(bets, clock.now(), seed)
    if shape is not None or until is not None or layout is not None:
        exported = _exported(rows, shape, until, seed, layout)
        write_sample(exported, out)
        if json:
            print_json({"file": str(out), "rows": exported.height, "bets": exported.height})
            return
        print_line(f"{out}: {counted(exported.height, 'bet')} written.")
        return
    write_sample(rows, out)
    placed, updated = rows["time_placed"].min(), rows["updated_at"].max()
    if json:
        distinct = rows["id"].n_unique()
        print_json({"file": str(out), "rows": rows.height, "bets": distinct, "first": placed, "last": updated})
        return
    print_table(
        ["rows", "bets", "first placed", "last updated"], [(rows.height, rows["id"].n_unique(), placed, updated)]
    )
    print_line()
    print_line(f"{out}: {counted(rows.height, 'version')} of {counted(rows['id'].n_unique(), 'bet')} written.")


def _exported(rows: pl.DataFrame, shape: str | None, until: str | None, seed: int, layout: str | None) -> pl.DataFrame:
    """The sample in the shape that --as names."""
    from feature_repo.errors import ConfigurationError
    from ingestion import clock
    from ingestion.sample.pikkit_export import LAYOUTS, as_pikkit_export

    if shape != "pikkit-export":
        what = "--until and --layout are for --as pikkit-export" if shape is None else f"No such format: {shape}"
        raise ConfigurationError(what, "Nothing was written", "Give --as pikkit-export")
    if layout not in (None, *LAYOUTS):
        raise ConfigurationError(
            f"No such order of columns: {layout}", "Nothing was written", f"Give --layout {' or '.join(LAYOUTS)}"
        )
    return as_pikkit_export(rows, clock.parse_instant(until) if until else clock.now(), seed, layout)
