"""What a format is: one declaration of how a file's columns become the columns of a bet, in TOML.

`docs/formats.md` has the language with examples. The models here are the whole of it: a key that they do not know is an
error, and all that is wrong with a declaration is said at once.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

import polars as pl
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from feature_repo.near_names import did_you_mean
from quality.schema import BET_COLUMNS
from quality.schema.bet import KINDS
from quality.schema.kinds import Text, Unreadable, cleaned

Scalar: TypeAlias = bool | int | float | str
Names: TypeAlias = Annotated[
    tuple[str, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
]
Values: TypeAlias = Annotated[
    tuple[Scalar, ...], BeforeValidator(lambda value: value if isinstance(value, list | tuple) else [value])
]


def folded(text: str) -> str:
    """A text as spellings and aliases compare it: without white space around it, in lower case."""
    return text.strip().lower()


def _by_folded_key(spellings: dict[str, Any]) -> dict[str, Any]:
    """The spellings, each once. Raises ValueError where two that differ in letter case alone contradict each other."""
    by_key: dict[str, Any] = {}
    for name, value in spellings.items():
        if by_key.setdefault(folded(name), value) != value:
            raise ValueError(f"{name!r} is spelled in several letter cases, which mean different things")
    return by_key


Spellings: TypeAlias = Annotated[dict[str, Scalar], AfterValidator(_by_folded_key)]
Aliases: TypeAlias = Annotated[dict[str, str], AfterValidator(_by_folded_key)]
PriceKind: TypeAlias = Literal["decimal", "american", "lay"]

# Where a rule takes its value from. Each rule has one of these.
ORIGINS: Final = ("from", "of", "constant", "digest_of", "clv_of")
PRICED: Final = ("odds", "american_odds", "clv_current_odds", "clv_percentage")
#: What every bet has. A format may be silent on the others, which are null then.
NEEDED_OF_A_BET: Final = ("id", "bet_type", "status", "american_odds", "amount", "profit", "updated_at", "time_placed")
#: Offsets that may stand in a time without being declared.
UTC_NAMES: Final = {"UTC": "+00:00", "GMT": "+00:00", "Z": "+00:00"}
_OFFSET = re.compile(r"([+-])([01]\d|2[0-3]):([0-5]\d)")
_DURATION = re.compile(r"(\d{1,12})\s*(s|min|h|d)")
_SOME_TIME: Final = datetime(2024, 9, 29, 21, 18, 47)  # noqa: DTZ001 - what a pattern is tried on
#: The longest time that a rule may add.
_LONGEST_DELAY: Final = timedelta(days=3650)
_SECONDS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86400}


class FormatInvalid(Exception):
    """A declaration that cannot be used; `problems` has all that is wrong with it."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class Strict(BaseModel):
    """A table of a declaration: keys that are not known are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Phrase(Strict):
    """A row of a table of phrases: what a text says, and the names that follow from it.

    It fits a text in which one of the words of `any` stands as a whole word, or that `pattern` matches; letter case
    does not matter.
    """

    any: Names = ()
    pattern: str | None = None
    sport: str | None = None
    league: str | None = None
    market: str | None = None
    institution_name: str | None = None
    bet_type: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Phrase:
        if not self.any and self.pattern is None:
            raise ValueError("has neither any nor pattern")
        _check_pattern(self.expression)
        return self

    @cached_property
    def expression(self) -> str:
        """The pattern of what it fits, for Polars' engine."""
        words = "|".join(map(re.escape, self.any))
        return "(?i)" + "|".join(part for part in (words and rf"\b(?:{words})\b", self.pattern) if part)


class ColumnRule(Strict):
    """One way to a bet column: for which rows, from where, and what is done with the value, in this order."""

    when: dict[str, Values] = {}
    unless: dict[str, Values] = {}
    where: dict[str, Values] = {}

    from_: Names = Field(default=(), alias="from")
    of: Names = ()
    constant: Scalar | None = None
    digest_of: Names = ()
    clv_of: Names = ()

    optional: bool = False
    extract: str | None = None
    joined: str | None = None
    mixed: str | None = None
    phrases: str | None = None
    tagged: Names = ()
    spellings: Spellings = {}
    price: PriceKind | None = None
    unit: Literal["currency", "cents"] = "currency"
    minus: str | None = None
    pattern: Names = ()
    zone: str | None = None
    plus: str | None = None

    @property
    def origin(self) -> str:
        """Which of ORIGINS it has."""
        return next(name for name in ORIGINS if self._has(name))

    @property
    def source_columns(self) -> tuple[str, ...]:
        """The columns of the file that it reads, `from` aside: all of these are needed."""
        return (*self.digest_of, *self.clv_of, *([self.minus] if self.minus else []), *self.where)

    @property
    def bet_columns(self) -> tuple[str, ...]:
        """The columns of the bet that it goes by."""
        return (*self.of, *self.when, *self.unless)

    @property
    def delay(self) -> timedelta:
        """What `plus` says."""
        delay = _delay(self.plus or "0 s")
        assert delay is not None  # noqa: S101 - checked when the declaration was read
        return delay

    def missing(self, columns: Iterable[str]) -> list[str]:
        """What a file with these columns lacks of those that it needs, alternatives as `one or other`."""
        there = set(columns)
        needed = [] if self.optional else [names for names in (self.from_, *zip(self.source_columns)) if names]
        return [" or ".join(names) for names in needed if there.isdisjoint(names)]

    @property
    def is_plain(self) -> bool:
        """Whether it does no more than rename a column."""
        changes = ("extract", "joined", "phrases", "tagged", "price", "minus", "plus")
        conditions = (self.when, self.unless, self.where)
        return self.origin == "from" and not any(getattr(self, name) for name in changes) and not any(conditions)

    def _has(self, origin: str) -> bool:
        value = getattr(self, "from_" if origin == "from" else origin)
        return value is not None and value != ()

    @model_validator(mode="after")
    def _is_whole(self) -> ColumnRule:
        origins = [name for name in ORIGINS if self._has(name)]
        if len(origins) != 1:
            raise ValueError(f"needs one of {', '.join(ORIGINS)}, and has {' and '.join(origins) or 'none'}")
        if self.clv_of and (len(self.clv_of) != 2 or self.price is None):
            raise ValueError("clv_of needs two columns, the price taken and the price at the close, and price")
        if self.extract is not None:
            _check_pattern(self.extract, groups=1)
        for pattern in self.pattern:
            _check_time_pattern(pattern)
        if self.zone is not None:
            _check_zone(self.zone)
        if self.plus is not None and _delay(self.plus) is None:
            raise ValueError(f"plus is not a length such as 4 h or 30 min, of at most ten years: {self.plus!r}")
        if self.mixed is not None and self.joined is None:
            raise ValueError("mixed needs joined, what stands between the values of a cell")
        return self


Rules: TypeAlias = Annotated[
    tuple[ColumnRule, ...], BeforeValidator(lambda value: [value] if isinstance(value, Mapping | ColumnRule) else value)
]


class Format(Strict):
    """How the files of one kind become bets."""

    name: str
    title: str = ""
    extends: str | None = None
    identified_by: Names = ()
    blanks: Names = ()
    zones: dict[str, str] = {}
    phrases: dict[str, tuple[Phrase, ...]] = {}
    aliases: dict[str, Aliases] = {}
    bets: dict[str, Rules] = {}

    @field_validator("zones")
    @classmethod
    def _offsets(cls, zones: dict[str, str]) -> dict[str, str]:
        wrong = [f"{name} = {offset!r}" for name, offset in zones.items() if not _OFFSET.fullmatch(offset)]
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: not an offset such as -04:00")
        return zones

    @property
    def called(self) -> str:
        """What to call it in a message."""
        return self.title or self.name

    @cached_property
    def offsets(self) -> dict[str, timedelta]:
        """What the names of zones in its times mean, east of Greenwich."""
        return {name.upper(): _offset(text) for name, text in {**UTC_NAMES, **self.zones}.items()}

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The columns of the bet that it makes, each after those that it goes by."""
        needed = {column: {name for rule in rules for name in rule.bet_columns} for column, rules in self.bets.items()}
        return tuple(column for column in TopologicalSorter(needed).static_order() if column in self.bets)

    @cached_property
    def source_columns(self) -> tuple[str, ...]:
        """Every column of the file that it may read."""
        rules = [rule for rules in self.bets.values() for rule in rules]
        return tuple(dict.fromkeys(name for rule in rules for name in (*rule.from_, *rule.source_columns)))

    @cached_property
    def text_columns(self) -> frozenset[str]:
        """Those of them that are names or ids of a bet, as they stand."""
        rules = [rule for column, rules in self.bets.items() if isinstance(KINDS[column], Text) for rule in rules]
        return frozenset(name for rule in rules for name in rule.from_)

    def missing(self, columns: Iterable[str]) -> list[str]:
        """What a file with these columns lacks of those that the rules need, alternatives as `one or other`."""
        rules = [rule for rules in self.bets.values() for rule in rules]
        return list(dict.fromkeys(lacking for rule in rules for lacking in rule.missing(columns)))


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


def _check_pattern(pattern: str, groups: int | None = None) -> None:
    try:
        pl.select(pl.lit("").str.contains(pattern))
    except pl.exceptions.ComputeError as error:
        raise ValueError(f"not a pattern: {pattern!r} ({str(error).splitlines()[-1]})") from None
    if groups is not None and len(pl.Series([""]).str.extract_groups(pattern).struct.fields) != groups:
        raise ValueError(f"extract needs one group in parentheses: {pattern!r}")


def _check_time_pattern(pattern: str) -> None:
    """Whether a time survives being written and read by it, to the minute: a date alone has no time of day."""
    zone = "UTC" if "%z" in pattern else None
    moment = pl.Series([_SOME_TIME]).dt.replace_time_zone(zone)
    bare = pattern.removesuffix("%Z").rstrip()
    try:
        written = moment.dt.strftime(bare)
        read = written.str.to_datetime(bare, time_unit="us", time_zone=zone, strict=False)
        is_sound = (read.dt.truncate("1m") == moment.dt.truncate("1m")).all() and read.null_count() == 0
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        is_sound = False
    if not is_sound:
        raise ValueError(f"pattern is not one of a date with a time of day: {pattern!r}")


def _check_zone(name: str) -> None:
    try:
        is_zone = pl.Series([_SOME_TIME]).dt.replace_time_zone(name or None).dtype == pl.Datetime("us", name)
    except pl.exceptions.PolarsError:
        is_zone = False
    if not is_zone:
        raise ValueError(f"zone is not one such as America/New_York: {name!r}") from None


def _delay(text: str) -> timedelta | None:
    """The length of time that a text says; null where it says none, or one too long."""
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    seconds = int(match[1]) * _SECONDS[match[2]]
    return timedelta(seconds=seconds) if seconds <= _LONGEST_DELAY.total_seconds() else None


def _offset(text: str) -> timedelta:
    match = _OFFSET.fullmatch(text)
    assert match  # noqa: S101 - checked when the declaration was read
    length = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return -length if match[1] == "-" else length


def read_text(path: Path) -> str:
    """The text of a declaration's file. Raises FormatInvalid and OSError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise FormatInvalid(["not UTF-8"]) from None
