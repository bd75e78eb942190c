"""What every feature must be, by plain loops over the log. Slow, and nothing clever.

It keeps the current version of every bet, and after each instant works every group out again from those: sums as exact
fractions, last-N by sorting. `ingestion/features/replay.py` must give the same rows.
"""

from __future__ import annotations

from fractions import Fraction

from feature_repo.declarations.views import GROUPED_VIEWS, SPORT_MARKET_RECENT
from feature_repo.group_keys import make_key

FACTS = ("american_odds", "is_live", "bet_type", "sport", "league", "market", "institution_name")


def implied(american_odds):
    if american_odds is None:
        return None
    size = abs(american_odds)
    return Fraction(size, size + 100) if american_odds < 0 else Fraction(100, size + 100)


def mean(values):
    return sum(values, Fraction(0)) / len(values) if values else None


def stats(bets):
    """The seven measures of a group from its current bets, and the totals that decide whether anything changed."""
    wins = [b for b in bets if b["status"] == "SETTLED_WIN"]
    losses = [b for b in bets if b["status"] == "SETTLED_LOSS"]
    cashed = [b for b in bets if b["status"] == "SETTLED_CASHEDOUT"]
    settled = [b for b in bets if b["status"] != "PENDING"]
    # A loss that cost nothing was staked with a bonus: it risked nothing.
    cost = [b for b in losses if b["profit_cents"] != 0]
    at_risk = [b for b in wins + cost + cashed if b["amount_cents"] is not None]
    priced = [b for b in wins + losses if b["american_odds"] is not None]
    priced_wins = sum(b["status"] == "SETTLED_WIN" for b in priced)
    probabilities = [implied(b["american_odds"]) for b in priced]
    stake = sum(b["amount_cents"] for b in at_risk)
    profit = sum(b["profit_cents"] for b in at_risk)
    rois = [Fraction(100 * b["profit_cents"], b["amount_cents"]) for b in at_risk if b["amount_cents"] > 0]
    clvs = [Fraction(b["clv_percentage"]) for b in settled if b["clv_percentage"] is not None]
    graded = len(wins) + len(losses)
    measures = {
        "win_rate": Fraction(len(wins), graded) if graded else None,
        "roi": Fraction(100 * profit, stake) if stake else None,
        "avg_bet_roi": mean(rois),
        "count": graded,
        "edge": (priced_wins - sum(probabilities)) / len(priced) if priced else None,
        "win_rate_shrunk": (priced_wins + 25 * mean(probabilities)) / (len(priced) + 25) if priced else None,
        "avg_clv": mean(clvs),
    }
    totals = (len(wins), len(losses), stake, profit, sum(rois), len(rois), priced_wins, len(priced), sum(probabilities))
    return measures, (*totals, sum(clvs), len(clvs))


def recent(bets):
    graded = sorted(
        (b for b in bets if b["status"] in ("SETTLED_WIN", "SETTLED_LOSS")), key=lambda b: (b["known_at"], b["id"])
    )
    won = [Fraction(b["status"] == "SETTLED_WIN") for b in graded]
    measures = {
        "recent_win_rate": mean(won[-10:]),
        "recent_win_rate_50": mean(won[-50:]),
        "sport_market_count": len(won),
    }
    return measures, tuple(measures.values())


def of_group(view, bets):
    if view is SPORT_MARKET_RECENT:
        return recent(bets)
    measures, totals = stats(bets)
    return {feature.name: measures[feature.measure] for feature in view.declared}, totals


def rows_of_view(view, log):
    """{(key, instant): features} of one grouped view."""
    rows, current, totals_before = {}, {}, {}
    for instant in sorted({v["known_at"] for v in log}):
        touched = set()
        for version in (v for v in log if v["known_at"] == instant):
            for state in (current.get(version["id"]), version):
                if state is not None:
                    touched.add(make_key([state[c] for c in view.group.columns]))
            current[version["id"]] = version
        for key in touched:
            members = [
                b
                for b in current.values()
                if not b["is_deleted"] and make_key([b[c] for c in view.group.columns]) == key
            ]
            features, totals = of_group(view, members)
            if totals != totals_before.get(key, of_group(view, [])[1]):
                rows[key, instant] = features
            totals_before[key] = totals
    return rows


def facts(version):
    if version["is_deleted"]:
        return (None,) * (len(FACTS) + 3)
    odds, amount = version["american_odds"], version["amount_cents"]
    decimal = None if odds is None else 1 / implied(odds)
    return (
        *(version[name] for name in FACTS),
        decimal,
        implied(odds),
        None if amount is None else Fraction(amount, 100),
    )


def closing_line(version):
    if version["is_deleted"]:
        return (None, None, None)
    clv, probability = version["clv_percentage"], implied(version["american_odds"])
    ev = None if clv is None or probability is None else Fraction(clv) * probability
    return (clv, ev, version["clv_current_odds"])


def rows_of_bets(describe, log, *, first_at_placement):
    """{(bet_id, instant): values} of a view of single bets."""
    rows, before = {}, {}
    for version in log:
        bet, values = version["id"], describe(version)
        if bet not in before:
            if (first_at_placement and not version["is_deleted"]) or (
                not first_at_placement and any(v is not None for v in values)
            ):
                placed = first_at_placement and version["time_placed"] is not None
                rows[bet, version["time_placed"] if placed else version["known_at"]] = values
        elif values != before[bet]:
            rows[bet, version["known_at"]] = values
        before[bet] = values
    return rows


def code(log, column, name, placed):
    """The code of a name as of a placement: its place among the names of the versions known by that whole second."""
    if name is None:
        return None
    known = [v[column] for v in log if v["known_at"] <= placed.replace(microsecond=0) and v[column] is not None]
    names = sorted(set(known), key=known.index)
    return names.index(name) + 1 if name in names else 0


def all_rows(log):
    rows = {view.name: rows_of_view(view, log) for view in GROUPED_VIEWS}
    rows["bet_facts"] = rows_of_bets(facts, log, first_at_placement=True)
    rows["bet_closing_line"] = rows_of_bets(closing_line, log, first_at_placement=False)
    return rows
