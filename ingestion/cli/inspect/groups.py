"""The verb groups: the names that the store knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line, print_sentence
from ingestion.cli.stores import begin, stores
from ingestion.cli.tables import print_table

if TYPE_CHECKING:
    from ingestion.serving.known_names import KnownName

# Names told of each kind where all kinds are shown.
_SHOWN: Final = 3


def groups(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND",
            help="sport, league, market, book, bet_type, or names that belong together: sport_market, sport_league, "
            "sport_league_market.",
        ),
    ] = None,
    like: Annotated[
        str | None, typer.Option("--like", metavar="TEXT", help="Only names with this in them, in any letter case.")
    ] = None,
    json: Json = False,
) -> None:
    """List the known sports, markets, leagues and books.

    Each with its bets, those of them that are graded, and when the newest was placed; those of the most bets first.
    Without a KIND, how many names each kind has.
    """
    from dataclasses import asdict

    from ingestion.database.read_only import read_only_store
    from ingestion.serving.known_names import columns_of, known_names

    columns = columns_of(kind) if kind is not None else ()
    connections = stores(begin(), create=False)
    with read_only_store(connections.postgres, purpose="groups") as connection:
        names_by_kind = {
            name: _like(rows, like) for name, rows in known_names(connection).items() if kind in (None, name)
        }
    if json:
        print_json({"kinds": {name: [asdict(row) for row in rows] for name, rows in names_by_kind.items()}})
        return
    if kind is None:
        print_table(
            ["kind", "names", "with the most bets"],
            [(name, len(rows), _most(rows)) for name, rows in names_by_kind.items()],
            wrap=True,
        )
    else:
        print_table(
            [*columns, "bets", "graded", "newest placed"],
            [(*row.names.values(), row.bets, row.graded, row.newest_placed_at) for row in names_by_kind[kind]],
        )
    print_line()
    print_sentence(_last_line(names_by_kind, kind, like))


def _like(rows: list[KnownName], text: str | None) -> list[KnownName]:
    if text is None:
        return rows
    return [row for row in rows if any(text.casefold() in (name or "").casefold() for name in row.names.values())]


def _most(rows: list[KnownName]) -> str:
    labels = [" | ".join(name or "-" for name in row.names.values()) for row in rows[:_SHOWN]]
    return ", ".join(labels) + (", ..." if len(rows) > _SHOWN else "")


def _last_line(names_by_kind: dict[str, list[KnownName]], kind: str | None, like: str | None) -> str:
    filtered = f" with {like!r} in them" if like is not None else ""
    if kind is not None:
        return f"{len(names_by_kind[kind]):,} of kind {kind}{filtered}. Nothing was changed."
    if not any(names_by_kind.values()) and not filtered:
        return "The store holds no bets yet. Run `pikkit run`."
    return f"`pikkit groups KIND` lists the names{filtered} of one kind with their counts. Nothing was changed."
