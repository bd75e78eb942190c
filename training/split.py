"""Where a training set is cut: between UTC days, in order of placement, with what the next part would leak purged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

import polars as pl

from feature_repo.errors import ConfigurationError

# The shares of the bets that training and validation aim for; the test has the rest. Cuts move to the nearest midnight.
TRAIN_SHARE: Final = 0.60
VALIDATION_SHARE: Final = 0.15
# A part that loses a larger share of its bets to the purge is warned of.
LARGEST_PURGE: Final = 0.5
PARTS: Final = ("train", "validation", "test", "purged")


@dataclass(frozen=True)
class Cuts:
    """The two days on which a new part begins, in UTC."""

    #: The first day of the validation part.
    validation: date
    #: The first day of the test part.
    test: date


def day_cuts(placed: pl.Series) -> Cuts:
    """The midnights that come nearest to the shares, for aware instants of placement in any order.

    Raises ConfigurationError when the bets lie on fewer than three days: each part needs one of its own.
    """
    days = placed.dt.convert_time_zone("UTC").dt.date().value_counts(name="bets").sort(placed.name)
    if days.height < len(PARTS) - 1:
        raise ConfigurationError(
            f"The bets lie on {days.height} days, and training, validation and test need at least one each",
            "Nothing was trained or written",
            "Give a longer time: `--since` and `--until`, or load more bets",
        )
    # Bets before each day, as a share; a part that begins on day i has those of the days before in front of it.
    before = (days["bets"].cum_sum() - days["bets"]) / placed.len()
    first, last = 1, days.height - 1
    validation = min(range(first, last), key=lambda day: abs(before[day] - TRAIN_SHARE))
    test = min(range(validation + 1, last + 1), key=lambda day: abs(before[day] - TRAIN_SHARE - VALIDATION_SHARE))
    return Cuts(days[placed.name][validation], days[placed.name][test])


def parts(placed: pl.Series, known: pl.Series, cuts: Cuts) -> pl.Series:
    """The part of each bet, one of PARTS, by the instants of its placement and of the moment its result was known.

    A bet whose result became known only after the next part had begun is purged: whoever stood at that midnight did not
    have it, and bets of one event lie on both sides of a cut otherwise.
    """
    validation, test = _midnight(cuts.validation), _midnight(cuts.test)
    frame = pl.DataFrame({"placed": placed, "known": known})
    return frame.select(
        pl.when(pl.col("placed") >= test)
        .then(pl.lit("test"))
        .when(pl.col("known") >= pl.when(pl.col("placed") >= validation).then(test).otherwise(validation))
        .then(pl.lit("purged"))
        .when(pl.col("placed") >= validation)
        .then(pl.lit("validation"))
        .otherwise(pl.lit("train"))
        .alias("part")
    )["part"]


def purge_warnings(placed: pl.Series, part: pl.Series, cuts: Cuts) -> tuple[str, ...]:
    """A sentence for training and for validation, where the purge took more than LARGEST_PURGE of its bets.

    `placed` are aware instants, `part` is what `parts` made of them.
    """
    is_early = pl.col("placed") < _midnight(cuts.validation)
    frame = pl.DataFrame({"placed": placed, "is_purged": part == "purged"}).filter(
        pl.col("placed") < _midnight(cuts.test)
    )
    warnings = []
    for name, bets, following in (
        ("training", frame.filter(is_early), f"validation began on {cuts.validation}"),
        ("validation", frame.filter(~is_early), f"the test began on {cuts.test}"),
    ):
        purged = int(bets["is_purged"].sum())
        if purged > LARGEST_PURGE * bets.height:
            warnings.append(
                f"{purged:,} of the {bets.height:,} bets of {name} were purged: their results were known only after "
                f"{following}. What is left is not like what was placed; give a longer time (an earlier `--since`, a "
                "later `--until`), or load more bets."
            )
    return tuple(warnings)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
