"""What a format is: one declaration of how a file's columns become the columns of a bet, in TOML.

`docs/formats.md` has the language with examples. The models here are the whole of it: a key that they do not know is an
error, and all that is wrong with a declaration is said at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from ingestion.sources.files.formats.patterns import (
    OFFSET,
    check_pattern,
    check_time_pattern,
    check_zone,
    delay_of,
    offset_of,
)
from quality.schema.bet import KINDS
from quality.schema.kinds import Text

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
        check_pattern(self.expression)
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
        delay = delay_of(self.plus or "0 s")
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
            check_pattern(self.extract, groups=1)
        for pattern in self.pattern:
            check_time_pattern(pattern)
        if self.zone is not None:
            check_zone(self.zone)
        if self.plus is not None and delay_of(self.plus) is None:
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
        wrong = [f"{name} = {offset!r}" for name, offset in zones.items() if not OFFSET.fullmatch(offset)]
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
        return {name.upper(): offset_of(text) for name, text in {**UTC_NAMES, **self.zones}.items()}

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
