"""What becomes of placed bets, as the change log that a source keeps: one row for each version of a bet.

A bet is pending, then settled by a job of its book (so that many share one instant); now and then it is corrected.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from feature_repo.bets.bet_status import BetStatus
from ingestion.sample.arrays import DAY, HOUR, MICROSECONDS, MINUTE, Floats, IntegerArray, next_multiple, whole
from ingestion.sample.bets import PlacedBets
from ingestion.sample.catalogue import BOOKS, FIRST_MARKET, MARKETS

# The order of BetStatus; a version has the position of its status.
STATUSES = tuple(status.value for status in BetStatus)
PENDING, WIN, LOSS, PUSH, VOID, CASHEDOUT = range(len(STATUSES))

_VOIDED, _CASHED_OUT = 0.008, 0.015
# Of the settled bets: how many the source showed while pending, too; and how many it corrected later.
_SEEN_PENDING, _CORRECTED = 0.15, 0.016
# How often a book's settlement job runs, the books in turn; some results are entered at once.
_JOB_MINUTES = np.array([10, 30, 20, 60])
_AT_ONCE = 0.1
_NIGHTLY_JOB = 6 * HOUR


@dataclass(frozen=True)
class BetVersions:
    """Versions of bets, in no order; `bet` is a position in the Bets that they are of."""

    bet: IntegerArray
    updated: IntegerArray
    status: IntegerArray
    market: IntegerArray
    stake: IntegerArray
    profit: IntegerArray  # 0 while pending

    def __len__(self) -> int:
        return len(self.bet)

    def take(self, rows: IntegerArray) -> BetVersions:
        """The versions at these positions."""
        return BetVersions(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


@dataclass(frozen=True)
class _Returns:
    """What each bet pays for each cent at risk, if it wins and if it is cashed out."""

    won: Floats
    cashed: Floats


def version_history(bets: PlacedBets, now: int, random: np.random.Generator) -> BetVersions:
    """Every version of the bets that the source has shown by `now` (microseconds since 1970), in that order."""
    returns = _returns(bets, random)
    settled = _settled(bets, returns, random)
    settled = settled.take(np.flatnonzero(settled.updated <= now))
    wrong = settled.take(np.flatnonzero(random.random(len(settled)) < _CORRECTED))
    corrected = _corrected(bets, returns, wrong, random)
    again = _settled_again(bets, returns, wrong, corrected, random)
    versions = _joined([_pending(bets, settled, random), settled, corrected, again])
    versions = versions.take(np.flatnonzero(versions.updated <= now))
    return versions.take(np.lexsort((versions.bet, versions.updated)))


def _returns(bets: PlacedBets, random: np.random.Generator) -> _Returns:
    # Round robins rarely win all their combinations.
    won = (bets.price - 1) * np.where(bets.bet_type > 1, random.uniform(0.05, 1, len(bets)), 1)
    return _Returns(won, random.uniform(-0.8, 0.7, len(bets)) * np.where(random.random(len(bets)) < 0.5, 1, won))


def _with_profit(bets: PlacedBets, returns: _Returns, versions: BetVersions) -> BetVersions:
    """The versions with the profit that follows from their status and stake."""
    bet, stake, status = versions.bet, versions.stake, versions.status
    # A free bet has no stake to lose, but pays as one of its worth.
    worth = np.where(stake == 0, bets.worth[bet], stake)
    won, cashed = (np.rint(worth * rate[bet]).astype(np.int64) for rate in (returns.won, returns.cashed))
    profit = np.select(
        [status == WIN, status == LOSS, status == CASHEDOUT], [won, -stake, np.maximum(cashed, -stake)], 0
    )
    return replace(versions, profit=profit)


def _pending(bets: PlacedBets, settled: BetVersions, random: np.random.Generator) -> BetVersions:
    has_pending_version = np.ones(len(bets), np.bool_)
    has_pending_version[settled.bet] = random.random(len(settled)) < _SEEN_PENDING
    bet = np.flatnonzero(has_pending_version)
    nothing = np.zeros(len(bet), np.int64)
    return BetVersions(bet, bets.created[bet], nothing, bets.market[bet], bets.stake[bet], nothing)


def _settled(bets: PlacedBets, returns: _Returns, random: np.random.Generator) -> BetVersions:
    """The first settlement of each bet, also of those that `now` comes before."""
    count = len(bets)
    kind = random.random(count)
    push = np.array([market.pricing.push for market in MARKETS])[bets.market] * ~bets.multi_leg
    status = np.where(random.random(count) < bets.chance, WIN, LOSS)
    status = np.where(random.random(count) < push, PUSH, status)
    status = np.where(kind < _VOIDED + _CASHED_OUT, CASHEDOUT, status)
    status = np.where(kind < _VOIDED, VOID, status)
    interval = _JOB_MINUTES[np.arange(len(BOOKS)) % len(_JOB_MINUTES)][bets.book] * MINUTE
    by_job = next_multiple(bets.decided, interval)
    at_once = bets.decided + random.integers(3, 90, count) * MICROSECONDS
    updated = np.maximum(np.where(random.random(count) < _AT_ONCE, at_once, by_job), bets.created)
    versions = BetVersions(np.arange(count), updated, status, bets.market, bets.stake, np.zeros(count, np.int64))
    return _with_profit(bets, returns, versions)


def _corrected(bets: PlacedBets, returns: _Returns, wrong: BetVersions, random: np.random.Generator) -> BetVersions:
    """A second version of wrongly settled bets: regraded, taken back, on another market, or with another stake."""
    graded = np.isin(wrong.status, (WIN, LOSS))
    luck = random.random(len(wrong))
    regraded = graded & (luck < 0.45)
    taken_back = graded & (luck >= 0.45) & (luck < 0.6)
    renamed = (luck >= 0.6) & (luck < 0.8) & ~bets.multi_leg[wrong.bet]
    restaked = ~(regraded | taken_back | renamed)
    regrade = np.where(wrong.status == WIN, LOSS, VOID)
    stake = np.rint(wrong.stake * random.choice([0.1, 0.5, 2.0], len(wrong))).astype(np.int64)
    corrected = replace(
        wrong,
        updated=_correction_times(wrong.updated, random),
        status=np.select([regraded, taken_back], [regrade, PENDING], wrong.status),
        market=np.where(renamed, _other_market(bets.sport[wrong.bet], wrong.market), wrong.market),
        stake=np.where(restaked, stake, wrong.stake),
    )
    # A free bet has no stake that could be wrong.
    changed = np.flatnonzero(~restaked | (wrong.stake > 0))
    return _with_profit(bets, returns, corrected.take(changed))


def _settled_again(
    bets: PlacedBets, returns: _Returns, wrong: BetVersions, corrected: BetVersions, random: np.random.Generator
) -> BetVersions:
    """A third version of most bets whose settlement was taken back: the other grade."""
    taken_back = corrected.take(np.flatnonzero(corrected.status == PENDING))
    taken_back = taken_back.take(np.flatnonzero(random.random(len(taken_back)) < 0.7))
    first = wrong.status[np.searchsorted(wrong.bet, taken_back.bet)]
    again = replace(
        taken_back,
        updated=_correction_times(taken_back.updated, random),
        status=np.where(first == WIN, LOSS, WIN),
    )
    return _with_profit(bets, returns, again)


def _correction_times(updated: IntegerArray, random: np.random.Generator) -> IntegerArray:
    """Hours to days later; half of them in the nightly job, which corrects many at once."""
    soonest = updated + 10 * MINUTE
    nightly = next_multiple(soonest - _NIGHTLY_JOB, DAY) + _NIGHTLY_JOB
    by_hand = soonest + whole(np.exp(random.normal(np.log(5), 1.2, len(updated))) * HOUR, MICROSECONDS)
    return np.where(random.random(len(updated)) < 0.5, nightly, by_hand)


def _other_market(sport: IntegerArray, market: IntegerArray) -> IntegerArray:
    """The next market of the same sport."""
    first, end = FIRST_MARKET[sport], FIRST_MARKET[sport + 1]
    return np.where(market + 1 < end, market + 1, first)


def _joined(parts: list[BetVersions]) -> BetVersions:
    names = [field.name for field in fields(BetVersions)]
    return BetVersions(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})
