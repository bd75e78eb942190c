"""docs/semantics.md, run as it stands: each of its tables is put into a real store, or compared with one.

A table has its name in backticks at the start of the line above it. Under one heading, the first table goes in, and
the others are what must come out:

    `source`                     rows as a file sends them; `run` is the clock of the run that reads them
    `table`                      what a table of bets shows when it is synced and reconciled at `run`
    `processed.bet_versions`     the log itself, where nothing stands before it
    `get_historical_features`    what Feast answers for a bet placed at `time_placed`, and all else that the row says
    `get_online_features`        the same of a serving process
    any other                    a table or view of the store
"""

from __future__ import annotations

import doctest
import json
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

import polars as pl
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from feature_repo.declarations.views import ON_DEMAND_DECLARATIONS, STORED_VIEWS
from feature_repo.group_keys import entity_frame, entity_rows
from feature_repo.postgres.copy import copy_in
from feature_repo.store import store_at
from ingestion.database.access import connect
from ingestion.database.apply import apply_declarations
from ingestion.features.refresh import refresh
from ingestion.features.replay import LOG_SCHEMA
from ingestion.intake.load import load_rows
from ingestion.intake.reconcile import reconcile_table
from ingestion.intake.request import SyncRequest, requested_rows
from ingestion.sources.files.file_source import open_file
from ingestion.sources.postgres.postgres_table import open_postgres
from ingestion.sources.settings import SourcePostgres
from tests.builders.bet_logs import chained, frame
from tests.builders.source_table import create_bets, delete, put
from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "semantics.md"
DAY = datetime(2026, 5, 1, tzinfo=UTC)
EVENING = DAY.replace(hour=18)  # the clock of a refresh where the page names none
LEFT_OUT = "…"
ORDER = {"processed.bet_versions": "seq", "features.group_state": "key", "features.vocabulary": "code"}
# What the second word in backticks above a table names the rows by.
PARTS = {"features.group_state": "grouping", "features.vocabulary": "column_name"}
RETRIEVALS = ("get_historical_features", "get_online_features")


@dataclass(frozen=True)
class Table:
    name: str
    more: tuple[str, ...]  # what else stands in backticks above it
    rows: list[dict[str, str]]


def cells(line):
    return [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]


def tables(section):
    for caption, table in re.findall(r"^(.+)\n\n((?:\|.*\n)+)", section, re.MULTILINE):
        name, *more = re.findall(r"`([^`]+)`", caption)
        assert caption.startswith(f"`{name}`"), caption
        header, _, *rows = table.splitlines()
        yield Table(name, tuple(more), [dict(zip(cells(header), cells(row), strict=True)) for row in rows])


def sections():
    _, *parts = re.split(r"^#+ (.+)\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {title: found for title, text in zip(parts[::2], parts[1::2], strict=True) if (found := [*tables(text)])}


SECTIONS = sections()
COUNT = sum(map(len, SECTIONS.values()))
(ORDINARY,) = SECTIONS.pop("How to read the examples")
EXAMPLES = [pytest.param(found, id=title) for title, found in SECTIONS.items()]
LOGS = [param for param in EXAMPLES if param.values[0][0].name == "processed.bet_versions"]


# ---- what goes in --------------------------------------------------------------------------------------------------


def instant(text):
    date, _, time = text.rpartition(" ")
    return datetime.fromisoformat(f"2026-{date or '05-01'}T{time}+00:00")


def value(column, text):
    if text == "null":
        return None
    if column in ("run", "known_at") or column.endswith(("_at", "_placed")):
        return instant(text)
    if column in ("amount", "profit", "clv_percentage", "clv_current_odds"):
        return float(text)
    if column.startswith("is_"):
        return text == "true"
    return int(text) if column == "american_odds" else text


def bet(row):
    """A row of the page with all that it does not say filled in."""
    given = {**ORDINARY.rows[0], **row}
    values = {column: value(column, text) for column, text in given.items() if text}
    profit = {"SETTLED_WIN": values["amount"], "SETTLED_LOSS": -values["amount"]}.get(values["status"], 0)
    return {"profit": profit, **values}


def send(connection, table, directory):
    settings = dict(setting.split("=") for setting in table.more)
    first_known_by = settings.get("KNOWN_AT_COLUMN", "updated_at")
    for number, (clock, rows) in enumerate(groupby(table.rows, key=lambda row: instant(row["run"]))):
        file = directory / f"{number}.jsonl"
        file.write_text("".join(json.dumps(bet(row), default=str) + "\n" for row in rows))
        load_rows(connection, open_file(file), run_id=uuid.uuid4(), now=clock, first_known_by=first_known_by)
        refresh(connection, run_id=uuid.uuid4(), now=clock)


def show(connection, table, postgres):
    """Each time the source's table is made to hold these rows and no others, and read."""
    create_bets(postgres)
    source = open_postgres(SourcePostgres(make_conninfo(**postgres.conninfo), "public", "bets"), timedelta(0))
    shown = set()
    for clock, rows in groupby(table.rows, key=lambda row: instant(row["run"])):
        bets = [{name: v for name, v in bet(row).items() if name != "run"} for row in rows]
        delete(postgres, shown - (shown := {row["id"] for row in bets}))
        put(postgres, *bets)
        run = {"run_id": uuid.uuid4(), "now": clock}
        with requested_rows(connection, source, SyncRequest()) as changed:
            load_rows(connection, changed, **run)
        with source.reading() as reading:
            reconcile_table(connection, source.name, reading, run_id=run["run_id"], clock=lambda clock=clock: clock)
        refresh(connection, **run)


def write_log(connection, table, *, in_parts):
    log = chained([{"is_deleted": False, **bet(row), "seq": seq} for seq, row in enumerate(table.rows, start=1)])
    for _, part in groupby(log, key=lambda version: in_parts and version["known_at"]):
        versions = [
            version | {f"{money}_cents": round(version[money] * 100) for money in ("amount", "profit")}
            for version in part
        ]
        rows = frame([{name: version.get(name) for name in LOG_SCHEMA} for version in versions])
        signed = rows.with_columns(run_id=pl.lit(str(uuid.uuid4())), updated_at="known_at", is_current=False)
        copy_in(connection, "processed.bet_versions", signed)
        refresh(connection, run_id=uuid.uuid4(), now=EVENING)


# ---- what comes out ------------------------------------------------------------------------------------------------


def compare(rows, table):
    """Every row as the page spells it: instants without the first of May, numbers with as many digits."""
    columns = list(table.rows[0])
    digits = {c: max(len(row[c].partition(".")[2]) for row in table.rows) for c in columns}
    found = [{c: spelled(v, digits[c]) for c, v in zip(columns, row, strict=True)} for row in rows]
    wanted = [row for row in table.rows if row[columns[0]] != LEFT_OUT]
    if len(wanted) < len(table.rows):
        found = [row for row in found if row in wanted]
    assert found == wanted, table.name


def spelled(found, digits):
    if found is None or found != found:
        return "null"
    if isinstance(found, datetime):
        at = found.astimezone(UTC)
        time = at.time().isoformat().removesuffix(":00")
        return time if at.date() == DAY.date() else f"{at:%m-%d} {time}"
    if isinstance(found, bool):
        return str(found).lower()
    return f"{found:.{digits}f}" if isinstance(found, int | float) else found


def stored(connection, table):
    columns = list(table.rows[0])
    query = sql.SQL("select {} from {} {} order by {}").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.Identifier(*table.name.split(".")),
        sql.SQL("where {} = {}").format(sql.Identifier(PARTS[table.name]), sql.Literal(table.more[0]))
        if table.more
        else sql.SQL(""),
        sql.SQL(ORDER.get(table.name, "1, event_timestamp")),
    )
    return connection.execute(query).fetchall()


def answered(connections, table):
    """Feast's answer, through the stock call and the keys of feature_repo/group_keys.py."""
    apply_declarations(connections)
    views = (*STORED_VIEWS, *ON_DEMAND_DECLARATIONS.values())
    homes = {feature.name: f"{view.name}:{feature.name}" for view in views for feature in view.declared}
    said = [column for column in table.rows[0] if column in ORDINARY.rows[0]]
    features = [column for column in table.rows[0] if column not in said]
    bets = [bet({column: row[column] for column in said} | {"id": f"{n:03}"}) for n, row in enumerate(table.rows)]
    store, wanted = store_at(connections), [homes[feature] for feature in features]
    if table.name == "get_online_features":
        frame = store.get_online_features(wanted, entity_rows(bets)).to_df()
    else:
        frame = store.get_historical_features(entity_frame(bets), wanted).to_df().sort_values("bet_id")
    answers = frame[features].itertuples(index=False)
    return [(*(bet[column] for column in said), *answer) for bet, answer in zip(bets, answers, strict=True)]


def check(connection, outputs):
    for table in outputs:
        compare(stored(connection, table), table)


@pytest.mark.usefixtures("servers")
@pytest.mark.parametrize("example", EXAMPLES)
def test_documented_example_gives_the_documented_tables(example, request, tmp_path):
    given, *outputs = example
    asked = [table for table in outputs if table.name in RETRIEVALS]
    connections = request.getfixturevalue("registry" if asked else "connections")
    with connect(connections.postgres, purpose="test") as connection:
        if given.name == "source":
            send(connection, given, tmp_path)
        elif given.name == "table":
            show(connection, given, request.getfixturevalue("clone")(None))
        else:
            write_log(connection, given, in_parts=False)
        connection.commit()
        check(connection, [table for table in outputs if table not in asked])
    for table in asked:
        compare(answered(connections, table), table)


@pytest.mark.parametrize("example", LOGS)
def test_documented_example_gives_the_same_tables_when_refreshed_per_instant(example, database):
    log, *outputs = example
    write_log(database, log, in_parts=True)
    check(database, outputs)


def test_every_table_of_the_semantics_page_belongs_to_a_tested_example():
    assert len(re.findall(r"^\|--", PAGE.read_text(encoding="utf-8"), re.MULTILINE)) == COUNT


def test_prompt_examples_on_the_semantics_page_print_the_documented_output():
    assert doctest.testfile(str(PAGE), module_relative=False) == doctest.TestResults(failed=0, attempted=12)
