"""The TOML text of a declaration, read into a Format; what is wrong with it is said all at once."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError
from pathlib import Path
from typing import Any

from pydantic import (
    BaseModel,
    ValidationError,
)

from feature_repo.near_names import did_you_mean
from ingestion.sources.files.formats.declaration import (
    NEEDED_OF_A_BET,
    PRICED,
    ColumnRule,
    Format,
    FormatInvalid,
    Phrase,
    Scalar,
)
from quality.schema import BET_COLUMNS
from quality.schema.bet import KINDS
from quality.schema.kinds import Unreadable, cleaned


def parse_format(text: str, shipped: Mapping[str, str], phrase_tables: Collection[str], *, name: str) -> Format:
    """The format that a TOML text declares, called `name` where it does not say.

    `shipped` are the texts of the formats that it may extend, `phrase_tables` the names of the tables of phrases that
    it need not declare.

    Raises FormatInvalid.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FormatInvalid([f"not readable as TOML: {error}"]) from None
    except RecursionError:
        raise FormatInvalid(["not readable as TOML: it is nested too deeply"]) from None
    if "\0" in "".join(_texts_in(document)):
        raise FormatInvalid(["has the character NUL in a name or a text, which no store can hold"])
    base = document.get("extends")
    if base is not None:
        if not isinstance(base, str) or base not in shipped:
            raise FormatInvalid([f"extends: no format is called {base!r}{did_you_mean(str(base), shipped)}"])
        document = _merged(tomllib.loads(shipped[base]), {"name": name, "title": "", **document})
    try:
        declared = Format.model_validate({"name": name, **document})
    except ValidationError as error:
        raise FormatInvalid([*_said(error), *_foreign_columns(document)]) from None
    if problems := [*_foreign_columns(document), *_problems(declared, phrase_tables)]:
        raise FormatInvalid(problems)
    return declared


def _texts_in(value: Any) -> Iterator[str]:
    """Every name and text of a TOML document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        yield from (name for name in value if isinstance(name, str))
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts_in(each)


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The base with what the changes say instead: table by table, column by column."""
    tables = ("bets", "aliases", "zones", "phrases")
    joined = {name: {**base.get(name, {}), **changes[name]} for name in tables if isinstance(changes.get(name), dict)}
    return {**base, **changes, **joined}


def _foreign_columns(document: Mapping[str, Any]) -> Iterator[str]:
    """The tables of a declaration that are named after no column of a bet."""
    for table in ("bets", "aliases"):
        columns = document.get(table)
        for column in columns if isinstance(columns, dict) else ():
            if column not in BET_COLUMNS:
                yield f"{table}.{column}: no column of a bet{did_you_mean(column, BET_COLUMNS)}"


def _problems(declared: Format, phrase_tables: Collection[str]) -> Iterator[str]:
    """What no single table of a declaration shows."""
    if missing := [column for column in NEEDED_OF_A_BET if column not in declared.bets]:
        yield f"bets: says nothing of {', '.join(missing)}"
    for column, rules in declared.bets.items():
        for rule in rules:
            for name in rule.bet_columns:
                if name not in declared.bets:
                    hint = did_you_mean(name, declared.bets)
                    yield f"bets.{column}: goes by {name!r}, which the format does not make{hint}"
            for name, value in ((n, v) for n, vs in (*rule.when.items(), *rule.unless.items()) for v in vs):
                if name in KINDS and not _is_readable(name, value):
                    yield f"bets.{column}: {name} can never be {value!r}"
            if rule.price is not None and column not in PRICED:
                yield f"bets.{column}.price: only for {', '.join(PRICED)}"
            tables = {*declared.phrases, *phrase_tables}
            if rule.phrases is not None and rule.phrases not in tables:
                hint = did_you_mean(rule.phrases, sorted(tables))
                yield f"bets.{column}.phrases: no table is called {rule.phrases!r}{hint}"
    try:
        _ = declared.order
    except CycleError as error:
        yield f"bets: {' goes by '.join(error.args[1])}: no column can go by itself"


def _is_readable(column: str, value: Scalar) -> bool:
    kind = KINDS[column]
    try:
        kind.read(cleaned(kind, value))
    except Unreadable:
        return False
    return True


def _said(error: ValidationError) -> Iterator[str]:
    """What pydantic found, a line each, with the nearest key that is known where one is not."""
    for each in error.errors():
        path = [part for part in each["loc"] if part != "from_"]
        place = ".".join(str(part) for part in path)
        if each["type"] == "extra_forbidden":
            yield f"{place}: unknown{did_you_mean(str(path[-1]), _keys(path))}"
        else:
            yield f"{place}: {each['msg'].removeprefix('Value error, ')}"


def _keys(path: list[Any]) -> list[str]:
    model: type[BaseModel] = Format if len(path) == 1 else Phrase if path[0] == "phrases" else ColumnRule
    return [field.alias or name for name, field in model.model_fields.items()]


def read_text(path: Path) -> str:
    """The text of a declaration's file. Raises FormatInvalid and OSError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise FormatInvalid(["not UTF-8"]) from None
