"""The verb sample: write synthetic bets to a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json, Now
from ingestion.cli.output import print_line
from ingestion.cli.stores import begin
from ingestion.cli.tables import print_table
from ingestion.wording import counted

if TYPE_CHECKING:
    import polars as pl


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
    from feature_repo import clock
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
    from feature_repo import clock
    from feature_repo.errors import ConfigurationError
    from ingestion.sample.pikkit_export import LAYOUTS, as_pikkit_export

    if shape != "pikkit-export":
        what = "--until and --layout are for --as pikkit-export" if shape is None else f"No such format: {shape}"
        raise ConfigurationError(what, "Nothing was written", "Give --as pikkit-export")
    if layout not in (None, *LAYOUTS):
        raise ConfigurationError(
            f"No such order of columns: {layout}", "Nothing was written", f"Give --layout {' or '.join(LAYOUTS)}"
        )
    return as_pikkit_export(rows, clock.parse_instant(until) if until else clock.now(), seed, layout)
