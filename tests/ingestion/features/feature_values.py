"""The values of every stored feature on a fixed log, as digests, and the file that keeps them beside the definitions.

`python -m tests.ingestion.features.feature_values` writes the file anew after a change of definitions, and refuses to
where a value changed without its definition.
"""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import timedelta
from pathlib import Path

from feature_repo.declarations.views import STORED_VIEWS
from ingestion.features.feature_definitions import feature_definitions
from ingestion.features.replay import MemoryStates, replay
from tests.builders.bet_logs import EPOCH, chained, frame

RECORDED = Path(__file__).with_name("feature_values.json")
VERSIONS, BETS = 600, 300


def fixed_log():
    """The same versions of the same bets for ever: all statuses, corrections, deletes, ties, nulls, crowded groups."""
    return chained([_version(seq) for seq in range(1, VERSIONS + 1)])


def _version(seq):
    def drawn(name, options):
        return options[int.from_bytes(hashlib.sha256(f"{name} {seq}".encode()).digest()[:4], "big") % len(options)]

    status = drawn(
        "status",
        ("PENDING", *["SETTLED_WIN"] * 4, *["SETTLED_LOSS"] * 4, "SETTLED_PUSH", "SETTLED_VOID", "SETTLED_CASHEDOUT"),
    )
    amount = drawn("amount", (None, 0, *range(100, 20_000, 333)))
    profit = {
        "SETTLED_WIN": drawn("win", (-50, *range(1, 40_000, 777))),
        "SETTLED_LOSS": drawn("loss", (0, -(amount or 700), -(amount or 700))),
        "SETTLED_CASHEDOUT": drawn("cashed", range(-9_000, 9_000, 501)),
    }
    return {
        "seq": seq,
        # In the first half bets that were not there before; in the second corrections of any of them.
        "id": f"b{seq if seq <= BETS else drawn('id', range(1, BETS + 1))}",
        # Three versions share each instant.
        "known_at": EPOCH + timedelta(hours=seq // 3),
        "is_deleted": drawn("deleted", range(12)) == 0,
        "status": status,
        "amount_cents": amount,
        "profit_cents": profit.get(status, drawn("none", (0, None))),
        "american_odds": drawn("odds", (None, -110, 100, -100, 3996, *range(105, 900, 37), *range(-900, -105, 37))),
        "clv_percentage": drawn("clv", (None, None, *(n / 8 for n in range(-80, 160, 7)))),
        "clv_current_odds": drawn("current", (None, -150.0, 120.0, 101.5)),
        "sport": drawn("sport", (*["NBA"] * 9, "NBA1", "a|b", None)),
        "league": drawn("league", ("L", "L", "", None)),
        "market": drawn("market", (*["Total"] * 12, "1H Total", "b\\", "\\N", None)),
        "institution_name": drawn("institution", ("Bet&Win", "O'Hare", None)),
        "bet_type": drawn("type", ("straight", "straight", "parlay", None)),
        "is_live": drawn("live", (True, False, None)),
        "time_placed": drawn("placed", (None, *(EPOCH - timedelta(minutes=n) for n in range(1, 9)))),
    }


def value_digests():
    """View -> feature -> the digest of when each key had which value. Rows that repeat a value make no difference."""
    return {
        view: {feature: _digest(changes, feature) for feature in changes.columns[2:]}
        for view, changes in replay(frame(fixed_log()), 0, MemoryStates())
    }


def _digest(changes, feature):
    key, instant = changes.columns[:2]
    values, newest = [], {}
    for row in changes.select(key, instant, feature).sort(key, instant).iter_rows():
        value = format(row[2], ".10g") if isinstance(row[2], float) else row[2]
        if newest.get(row[0]) != value:
            values.append((row[0], row[1].isoformat(), value))
        newest[row[0]] = value
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]


def current():
    """View -> feature -> the digests of its definition and of its values, by this code."""
    digests, definitions = value_digests(), feature_definitions()
    return {
        view.name: {
            feature: {
                "definition": definitions[view.name][feature].digest[:16],
                "values": digests[view.name][feature],
            }
            for feature in view.features
        }
        for view in STORED_VIEWS
    }


def differences(recorded, now):
    """What is wrong between the record and `current()`: (all of it, what must not be recorded)."""
    outdated, silent = [], []
    for view, features in now.items():
        for feature, digests in features.items():
            before = recorded.get(view, {}).get(feature)
            if before is not None and before["definition"] == digests["definition"]:
                if before["values"] != digests["values"]:
                    silent.append(f"the definition of {view}.{feature} changed: count its revision up")
            elif before != digests:
                outdated.append(f"record {view}.{feature}: python -m tests.ingestion.features.feature_values")
    gone = [
        f"record that {view}.{feature} is gone: python -m tests.ingestion.features.feature_values"
        for view, features in recorded.items()
        for feature in features.keys() - now.get(view, {}).keys()
    ]
    return silent + outdated + gone, silent


if __name__ == "__main__":
    digests_now = current()
    forbidden = differences(json.loads(RECORDED.read_text()) if RECORDED.exists() else {}, digests_now)[1]
    if forbidden:
        sys.exit("\n".join([*forbidden, "(ingestion/features/feature_definitions.py)"]))
    RECORDED.write_text(json.dumps(digests_now, indent=2) + "\n")
