"""`validate`: a whole frame of raw bets judged at once, with the verdicts and reasons of `BetSchema`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace

import polars as pl

from feature_repo.bets.bet_status import BetStatus
from feature_repo.bets.names import visible_text
from quality.collected import collected
from quality.schema.bet import BET_COLUMNS, COLUMNS_OF_KIND, IS_WIN, KINDS, NOTHING_EARNED, REQUIRED_COLUMNS
from quality.schema.instants import Instant
from quality.schema.kinds import Name, cleaned_column
from quality.schema.rules import ROUNDING, RULES, Rule

# Every reason there is, in the order in which a rejected row lists them.
REASONS = tuple(
    f"{column}: {reason}"
    for column, kind in KINDS.items()
    for reason in (kind.unreadable, *(limit.reason for limit in kind.limits))
) + tuple(rule.reason for rule in RULES)

# The money of a bet, and what it is called where it is stored.
CENT_COLUMNS = {"amount": "amount_cents", "profit": "profit_cents"}
_STORED: dict[str, pl.DataType] = {"amount_cents": pl.Int64(), "profit_cents": pl.Int64(), "american_odds": pl.Int32()}
# What `deleted_at` says stands in `is_deleted`.
ACCEPTED_SCHEMA = pl.Schema(
    {
        name: _STORED.get(name, kind.dtype)
        for column, kind in KINDS.items()
        if column != "deleted_at"
        for name in [CENT_COLUMNS.get(column, column)]
    }
)


@dataclass(frozen=True)
class ValidationResult:
    """What became of each row; `row` is its position in the frame that was judged."""

    accepted: pl.DataFrame  # row, and the columns of ACCEPTED_SCHEMA
    rejected: pl.DataFrame  # row, reasons, id where it is sound, is_deleted, updated_at where it is readable
    errors: dict[str, int]  # reason -> rows that have it
    naive_timestamps: int  # values without an offset, read as UTC
    empty_texts: int  # values of nothing but white space, read as null
    null_words: int  # names that said NULL, None, NaN or N/A, read as null
    unknown_columns: tuple[str, ...]  # ignored
    missing_columns: tuple[str, ...]  # of the required ones; read as null

    @property
    def valid_count(self) -> int:
        """Rows accepted."""
        return self.accepted.height

    @property
    def invalid_count(self) -> int:
        """Rows rejected."""
        return self.rejected.height

    @property
    def record_count(self) -> int:
        """Rows judged."""
        return self.valid_count + self.invalid_count


def validate(rows: pl.DataFrame, now: datetime) -> ValidationResult:
    """Judge raw rows, with the columns of BET_COLUMNS in any physical types, as of the aware instant `now`.

    A missing column is read as null and an unknown one is ignored; both are named in the result. The accepted and the
    rejected rows keep the order of the frame. Raises ValueError when `now` has no time zone.
    """
    if now.tzinfo is None:
        raise ValueError("now must carry its time zone")
    known = _known(rows)
    raw = _cleaned(known)
    values = _read(raw)
    faults = _column_faults(raw, values, now.astimezone(UTC))
    bets = _with_roi(_sound(values, faults))
    flags = faults.hstack(bets.select(_broken(rule).alias(rule.reason) for rule in RULES))
    errors = {reason: count for reason in REASONS if (count := int(flags[reason].sum()))}
    # Where a row stands in its source it stands there too with a time that no bet may have.
    stamp = values.select(pl.coalesce("updated_at", "created_at")).to_series()
    rejected = _rejected(flags, list(errors)).join(
        bets.select("row", "id", is_deleted=_is_deleted()).hstack([stamp]),
        on="row",
        how="left",
        maintain_order="left",
    )
    null_words = _null_words(known, raw)
    return ValidationResult(
        accepted=_accepted(bets.filter(~flags.select(pl.any_horizontal(pl.all())).to_series())),
        rejected=rejected,
        errors=errors,
        naive_timestamps=_naive_timestamps(raw, values),
        empty_texts=_nulls(raw) - _nulls(known) - null_words,
        null_words=null_words,
        unknown_columns=tuple(column for column in rows.columns if column not in KINDS),
        missing_columns=tuple(column for column in REQUIRED_COLUMNS if column not in rows.columns),
    )


def _known(rows: pl.DataFrame) -> pl.DataFrame:
    """The known columns and their row numbers; null where there is no such column."""
    nulls = pl.Series([None]).new_from_index(0, rows.height)
    known = pl.DataFrame({column: rows[column] if column in rows.columns else nulls for column in BET_COLUMNS})
    return known.with_row_index("row")


def _cleaned(known: pl.DataFrame) -> pl.DataFrame:
    """Text as the kind of its column reads it, null where nothing is left."""
    schema = known.schema
    return known.with_columns(cleaned_column(kind, column, schema[column]) for column, kind in KINDS.items())


def _read(raw: pl.DataFrame) -> pl.DataFrame:
    """Each column as its type, null where it is unreadable. Lazily, for Polars then runs each pattern once."""
    schema = raw.schema
    readings = (kind.expression(pl.col(column), schema[column]).alias(column) for column, kind in KINDS.items())
    values = collected(raw.lazy().with_columns(readings))
    # A lazy frame keeps a column of one repeated value as that value, and Polars divides by a single value by
    # multiplying with its reciprocal: the last bit of a derived ROI would depend on the other rows of the batch.
    return pl.DataFrame(values.get_columns())


def _column_faults(raw: pl.DataFrame, values: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """One Boolean column for each reason that a single column can give."""
    limits = values.select(
        limit.broken(pl.col(columns), now).fill_null(False).name.suffix(f": {limit.reason}")
        for kind, columns in COLUMNS_OF_KIND.items()
        for limit in kind.limits
    )
    is_there, is_missing = raw.select(pl.all().is_not_null()), values.select(pl.all().is_null())
    return limits.with_columns(
        (is_there[column] & is_missing[column]).alias(f"{column}: {kind.unreadable}") for column, kind in KINDS.items()
    )


def _sound(values: pl.DataFrame, faults: pl.DataFrame) -> pl.DataFrame:
    """The values that rules may go by, and for each column whether it is absent: null, and not for a fault."""
    reasons = faults.columns
    without_fault = {
        column: ~pl.any_horizontal(reason for reason in reasons if reason.startswith(f"{column}:"))
        for column in BET_COLUMNS
    }
    return values.hstack(faults).select(
        "row",
        *(pl.when(sound).then(column).alias(column) for column, sound in without_fault.items()),
        *((pl.col(column).is_null() & sound).alias(_absent(column)) for column, sound in without_fault.items()),
    )


def _with_roi(bets: pl.DataFrame) -> pl.DataFrame:
    """The bets with a ROI derived where there is none."""
    derivable = pl.col(_absent("roi")) & (pl.col("amount") > 0)
    roi = pl.when(derivable).then(pl.col("profit") * 100 / pl.col("amount")).otherwise("roi")
    return bets.with_columns(roi.alias("roi"))


def _broken(rule: Rule) -> pl.Expr:
    """Where a rule is judged and broken."""
    condition = rule.broken(SimpleNamespace(**{column: pl.col(column) for column in rule.given}))
    judged = [pl.col(column).is_not_null() for column in rule.given] + [pl.col(_absent(c)) for c in rule.absent]
    return pl.all_horizontal(*judged, condition).fill_null(False)


def _absent(column: str) -> str:
    return f"{column} is absent"


def _rejected(flags: pl.DataFrame, reasons: list[str]) -> pl.DataFrame:
    """row, reasons: one row for each bet that has any. Its memory follows the reasons found, not all there are."""
    schema = pl.Schema({"row": pl.UInt32(), "reasons": pl.List(pl.String())})
    if not reasons:
        return pl.DataFrame(schema=schema)
    found = pl.concat(
        flags.select(pl.arg_where(pl.col(reason)).alias("row"), pl.lit(reason, pl.Enum(REASONS)).alias("reasons"))
        for reason in reasons
    )
    return found.sort("row", "reasons").group_by("row", maintain_order=True).agg("reasons").cast(schema)


def _accepted(bets: pl.DataFrame) -> pl.DataFrame:
    """Sound bets as they are stored: money in cents, and filled in what follows from other columns."""
    stored = bets.with_columns(**stored_expressions()).rename(CENT_COLUMNS)
    return stored.select("row", *(pl.col(column).cast(dtype) for column, dtype in ACCEPTED_SCHEMA.items()))


def stored_expressions() -> dict[str, pl.Expr]:
    """The columns that are stored otherwise than they come, over the columns of a sound row; `amount` and `profit` are
    in cents then.
    """
    status = pl.col("status")
    return {
        "amount": _whole_cents("amount", 0),
        "profit": _profit(),
        "is_settled": status != BetStatus.PENDING,
        "is_win": status.replace_strict(IS_WIN, default=None, return_dtype=pl.Boolean),
        "updated_at": pl.coalesce("updated_at", "created_at"),
        "time_placed": pl.coalesce("time_placed", "created_at"),
        "is_deleted": _is_deleted(),
    }


def _whole_cents(column: str, noise: float) -> pl.Expr:
    """`whole_cents` over a column."""
    money = pl.col(column)
    cents = (money * 100).round(mode="half_to_even")
    return pl.when((cents == 0) & (money.abs() > noise)).then(money.sign()).otherwise(cents)


def _profit() -> pl.Expr:
    """`BetSchema.profit_cents` over a column."""
    cents, status = _whole_cents("profit", ROUNDING), pl.col("status")
    return (
        pl.when(status.is_in(NOTHING_EARNED) & cents.is_not_null())
        .then(0.0)
        .when(status == BetStatus.LOSS)
        .then(cents.clip(upper_bound=0))
        .otherwise(cents)
    )


def _null_words(known: pl.DataFrame, raw: pl.DataFrame) -> int:
    """How many names became null though they say something."""
    names = [column for column, kind in KINDS.items() if isinstance(kind, Name)]
    nulled = (known[column].filter(known[column].is_not_null() & raw[column].is_null()) for column in names)
    return sum(visible_text(str(text)) != "" for texts in nulled for text in texts)


def _is_deleted() -> pl.Expr:
    """Whether a sound column says that the row is deleted."""
    return pl.col("deleted_at").is_not_null() | pl.col("is_deleted").fill_null(False)


def _nulls(frame: pl.DataFrame) -> int:
    return sum(column.null_count() for column in frame)


def _naive_timestamps(raw: pl.DataFrame, values: pl.DataFrame) -> int:
    schema = raw.schema
    naive = raw.select(
        (kind.naive(pl.col(column), schema[column]) & values[column].is_not_null()).sum().alias(column)
        for column, kind in KINDS.items()
        if isinstance(kind, Instant)
    )
    return sum(map(int, naive.row(0)))
