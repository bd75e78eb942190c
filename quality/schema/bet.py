"""`BetSchema`: one bet as the source sends it. Its annotations are the only table of columns, kinds and limits.

The frame-speed judge (`quality/schema/frame.py`) is built from the same annotations and the same rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Annotated, Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from feature_repo.bets.bet_status import STATUS_SYNONYMS, BetStatus
from feature_repo.bets.bet_types import BET_TYPE_SYNONYMS, NUMBERED_ROUND_ROBIN, BetType
from quality.schema.instants import Instant
from quality.schema.kinds import Choice, ColumnKind, Flag, Id, Name, Number, Unreadable, cleaned
from quality.schema.rules import ROUNDING, RULES


class BetSchema(BaseModel):
    """One bet that may be used. `BetSchema.model_validate(row, context={"now": now})` raises with every reason if not.

    `row` maps source columns to raw values. Columns that are not there are null, and unknown ones are ignored.
    """

    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Id(100)]
    bet_type: Annotated[str, Choice(BetType, BET_TYPE_SYNONYMS, NUMBERED_ROUND_ROBIN)]
    status: Annotated[BetStatus, Choice(BetStatus, STATUS_SYNONYMS)]

    odds: Annotated[float | None, Number()]
    american_odds: Annotated[int | None, Number(whole=True)]
    amount: Annotated[float | None, Number(0, 1_000_000)]
    profit: Annotated[float | None, Number(-1_000_000, 1_000_000)]
    roi: Annotated[float | None, Number()]

    clv_percentage: Annotated[float | None, Number(-100, 1_000)]
    clv_ev: Annotated[float | None, Number(-100, 1_000)]
    clv_current_odds: Annotated[float | None, Number()]

    sport: Annotated[str | None, Name(100)]
    league: Annotated[str | None, Name(100)]
    market: Annotated[str | None, Name(200)]
    institution_name: Annotated[str | None, Name(100)]

    is_live: Annotated[bool | None, Flag()]
    is_settled: Annotated[bool, Flag()]
    is_win: Annotated[bool | None, Flag()]

    created_at: Annotated[datetime | None, Instant()]
    updated_at: Annotated[datetime, Instant()]
    time_placed: Annotated[datetime, Instant()]
    settled_at: Annotated[datetime | None, Instant()]

    # Two ways in which a table marks a row as deleted. Either one is enough.
    deleted_at: Annotated[datetime | None, Instant()]
    is_deleted: Annotated[bool, Flag()]

    @property
    def amount_cents(self) -> int | None:
        """The stake in whole cents; half a cent goes to the even one, and only a stake of 0 is 0."""
        return None if self.amount is None else whole_cents(self.amount, 0)

    @property
    def profit_cents(self) -> int | None:
        """The profit in whole cents; half a cent goes to the even one, and only a profit of 0 is 0.

        What the rules let pass as half a cent on the wrong side of 0 is 0: a loss earns nothing, a push neither way.
        """
        if self.profit is None:
            return None
        if self.status in NOTHING_EARNED:
            return 0
        cents = whole_cents(self.profit, ROUNDING)
        return min(cents, 0) if self.status == BetStatus.LOSS else cents

    @model_validator(mode="before")
    @classmethod
    def _judged(cls, row: Mapping[str, object], info: ValidationInfo) -> dict[str, Any]:
        if not info.context or "now" not in info.context:
            raise TypeError("BetSchema needs the clock: BetSchema.model_validate(row, context={'now': now})")
        bet, reasons = judge_row(row, info.context["now"])
        if reasons:
            errors = [
                InitErrorDetails(type=PydanticCustomError("rejected", text), loc=(column,), input=row.get(column))
                for column, text in (reason.split(": ", 1) for reason in reasons)
            ]
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return completed(bet)


KINDS: dict[str, ColumnKind] = {
    column: next(part for part in hint.__metadata__ if isinstance(part, ColumnKind))
    for column, hint in get_type_hints(BetSchema, include_extras=True).items()
    if column in BetSchema.model_fields
}
BET_COLUMNS = tuple(KINDS)
COLUMNS_OF_KIND = {kind: [column for column in KINDS if KINDS[column] == kind] for kind in KINDS.values()}
# Without these a file is no table of bets. The others may be missing, and are then null.
REQUIRED_COLUMNS = (
    *("id", "bet_type", "status", "american_odds", "amount", "profit"),
    *("sport", "league", "market", "institution_name", "updated_at", "time_placed"),
)

NOTHING_EARNED = (BetStatus.PUSH, BetStatus.VOID)

# By status; null for every other one, whatever the source says.
IS_WIN = {BetStatus.WIN: True, BetStatus.LOSS: False}


def judge_row(row: Mapping[str, object], now: datetime) -> tuple[dict[str, Any], list[str]]:
    """The sound columns of a raw row, typed, and every reason to reject the row."""
    bet: dict[str, Any] = {}
    reasons: list[str] = []
    for column, kind in KINDS.items():
        value, faults = _read(kind, row.get(column), now)
        reasons += [f"{column}: {fault}" for fault in faults]
        if not faults:
            bet[column] = value
    absent = {column for column, value in bet.items() if value is None}
    there = bet.keys() - absent
    if "roi" in absent and {"amount", "profit"} <= there and bet["amount"] > 0:
        bet["roi"] = bet["profit"] * 100 / bet["amount"]
        there.add("roi")
    sound = SimpleNamespace(**bet)
    return bet, reasons + [rule.reason for rule in RULES if rule.rejects(sound, there, absent)]


def completed(bet: dict[str, Any]) -> dict[str, Any]:
    """A sound bet with what follows from other columns filled in."""
    return bet | {
        "is_settled": bet["status"] != BetStatus.PENDING,
        "is_win": IS_WIN.get(bet["status"]),
        "updated_at": bet["updated_at"] or bet["created_at"],
        "time_placed": bet["time_placed"] or bet["created_at"],
        "is_deleted": bool(bet["is_deleted"]) or bet["deleted_at"] is not None,
    }


def whole_cents(money: float, noise: float) -> int:
    """Dollars in whole cents, half a cent to the even one. What is further than `noise` from 0 is at least a cent.

    A stake that became 0 would be a free bet, and a loss that became 0 a lost bonus bet.
    """
    cents = round(money * 100)
    return cents if cents or abs(money) <= noise else (1 if money > 0 else -1)


def _read(kind: ColumnKind, raw: object, now: datetime) -> tuple[object, list[str]]:
    """The value as its column's type, and what is wrong with it."""
    given = cleaned(kind, raw)
    if given is None:
        return None, []
    try:
        value = kind.read(given)
    except Unreadable:
        return None, [kind.unreadable]
    return value, [limit.reason for limit in kind.limits if limit.broken(value, now)]
