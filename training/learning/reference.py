"""The reference that a model must beat: the price, calibrated as strongly as the validation part says.

The log-odds of the win are those of the price, scaled and shifted (Platt), plus a shrunk shift for each sport and each
market of a sport, and for each book where that helps. A weaker reference would let a model that relearns the margins of
markets pass for skill.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from scipy import sparse

from training.learning.probabilities import Numbers, log_losses, log_odds_of, probability
from training.learning.ridge import fit_logistic_ridge

# Which shifts a calibration may have, the weakest first: of two that do as well on the validation part, the earlier.
CALIBRATIONS: Final[tuple[tuple[str, ...], ...]] = ((), ("sport", "market"), ("sport", "market", "institution_name"))
# How many bets a shift is shrunk by: a name with as many bets at a probability of a half has half its own shift.
SHRINKAGES: Final = (5.0, 25.0, 100.0, 400.0)
# The information that one bet at a probability of a half has on a shift.
_INFORMATION: Final = 0.25


@dataclass(frozen=True)
class Calibration:
    """A price calibrated: log-odds = intercept + slope * log-odds of the price + the shifts of the bet's names."""

    #: Columns that have shifts, one of CALIBRATIONS.
    columns: tuple[str, ...]
    #: How strongly they were shrunk, one of SHRINKAGES; 0 without shifts.
    shrinkage: float
    intercept: float
    slope: float
    #: Column -> name -> shift. A market is named with its sport. A name that is not there has none.
    shifts: Mapping[str, Mapping[str, float]]

    def log_odds(self, bets: pl.DataFrame) -> Numbers:
        """The log-odds of the win of each bet, from its `implied_prob` and the columns that have shifts.

        One number a bet, in the order of `bets`: NaN for a bet without a price. A name that is not
        in `shifts` has none.
        """
        result = self.intercept + self.slope * log_odds_of(bets["implied_prob"].to_numpy())
        for column, names in zip(self.columns, _names(bets, self.columns), strict=True):
            shifts = self.shifts[column]
            result = result + np.array([shifts.get(name, 0.0) for name in names])
        return result

    def document(self) -> dict[str, Any]:
        """The calibration as an object that JSON holds."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Calibration:
        """The calibration that `document()` wrote."""
        return cls(**{**document, "columns": tuple(document["columns"])})


def choose_calibration(
    train: pl.DataFrame, validation: pl.DataFrame
) -> tuple[tuple[str, ...], float, list[tuple[tuple[str, ...], float, float]]]:
    """The columns with shifts and the shrinkage that do best on the validation part, and each candidate's log loss.

    Both frames have `won`, `implied_prob` and the columns of CALIBRATIONS.
    """
    won = validation["won"].to_numpy()
    tried = []
    for columns in CALIBRATIONS:
        for shrinkage in SHRINKAGES if columns else (0.0,):
            calibration = fit_calibration(train, columns, shrinkage)
            loss = float(np.mean(log_losses(won, probability(calibration.log_odds(validation)))))
            tried.append((columns, shrinkage, loss))
    best = min(tried, key=lambda candidate: candidate[2])
    return best[0], best[1], tried


def fit_calibration(bets: pl.DataFrame, columns: Sequence[str], shrinkage: float) -> Calibration:
    """Calibrate the price on these bets: `won`, `implied_prob` and `columns`.

    All bets are priced. Intercept and slope are free; the shifts of the names in `columns` are penalised by
    `shrinkage`.
    """
    price = log_odds_of(bets["implied_prob"].to_numpy())
    encoded = [_one_hot(names) for names in _names(bets, columns)]
    leading = sparse.csr_matrix(np.column_stack([np.ones(len(price)), price]))
    inputs = sparse.hstack([leading, *(matrix for matrix, _ in encoded)]).tocsr()
    penalties = np.full(inputs.shape[1], shrinkage * _INFORMATION)
    penalties[:2] = 0  # the price itself is not shrunk
    weights = fit_logistic_ridge(inputs, bets["won"].to_numpy(), np.zeros(len(price)), penalties)
    shifts: dict[str, dict[str, float]] = {}
    start = 2
    for column, (_, names) in zip(columns, encoded, strict=True):
        shifts[column] = dict(zip(names, weights[start : start + len(names)].tolist(), strict=True))
        start += len(names)
    return Calibration(tuple(columns), shrinkage, float(weights[0]), float(weights[1]), shifts)


def _names(bets: pl.DataFrame, columns: Sequence[str]) -> list[list[str]]:
    """For each column, the name of each bet whose shift it has; "" for none known."""
    spelled = {
        column: pl.concat_str([pl.col("sport").fill_null(""), pl.col("market").fill_null("")], separator="\x1f")
        if column == "market"
        else pl.col(column).fill_null("")
        for column in columns
    }
    return [bets.select(expression.alias("name"))["name"].to_list() for expression in spelled.values()]


def _one_hot(names: Sequence[str]) -> tuple[sparse.csr_matrix, list[str]]:
    """A column for each name, in alphabetical order, with a 1 in the rows that bear it."""
    labels, codes = np.unique(np.asarray(names, dtype=object).astype(str), return_inverse=True)
    rows = np.arange(len(names))
    return sparse.csr_matrix((np.ones(len(names)), (rows, codes)), shape=(len(names), len(labels))), labels.tolist()
