"""The values of every feature on fixed bets, as digests, and the file that keeps them beside the versions.

`python -m tests.published_definitions --publish` writes the file anew after a change of definitions, and refuses to
where a value changed without its definition.
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from feature_repo.bets import vocabulary
from feature_repo.declarations.views import ON_DEMAND_DECLARATIONS
from feature_repo.group_keys import make_key
from ingestion.database.rollout import declared_sources
from ingestion.features.feature_definitions import feature_definitions, on_demand_definitions
from ingestion.features.published_definitions import definition_version
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
    return _digest_of(values)


def requests():
    """The bets of the fixed log as columns of a request, as Feast hands them to a function: column -> values."""
    columns = ("american_odds", "is_live", "time_placed", "league", "market", "bet_type", "clv_percentage")
    bets = fixed_log()
    return {
        **{column: [bet[column] for bet in bets] for column in columns},
        **{column: [make_key([bet[column]]) for bet in bets] for column in ("sport", "institution_name")},
    }


def fixed_vocabulary():
    """Codes of the names of the fixed log, in their order, of all but the last of each column.

    They become known one by one in the minutes in which the bets are placed; of the third nobody knows when.
    """
    names_by_column, bets = {}, fixed_log()
    for column in vocabulary.ENCODED_COLUMNS:
        names = dict.fromkeys(bet[column] for bet in bets if bet[column] is not None)
        names_by_column[column] = {
            name: vocabulary.CodedName(code, None if code == 3 else EPOCH - timedelta(minutes=7 - code))
            for code, name in enumerate(list(names)[:-1], start=1)
        }
    codes = vocabulary.Vocabulary(("",) * 6)
    codes._read = lambda: names_by_column
    return codes


def on_demand_values(columns):
    """View -> feature -> its values for these columns of a request, by the functions that Feast stores and executes."""
    values = {}
    with patch.object(vocabulary, "encode_names", fixed_vocabulary().encode):
        for view, source in declared_sources().items():
            names = {}
            exec(source, names)  # as Feast does
            computed = names[f"_{view}"](columns)
            # Feast passes the other fields on by itself.
            declared = ON_DEMAND_DECLARATIONS[view].declared
            values[view] = {each.name: list(computed.get(each.name, columns.get(each.name, ()))) for each in declared}
    return values


def on_demand_digests():
    """View -> feature -> the digest of its values for the fixed bets."""
    return {
        view: {
            feature: _digest_of([format(each, ".10g") if isinstance(each, float) else each for each in values])
            for feature, values in features.items()
        }
        for view, features in on_demand_values(requests()).items()
    }


def _digest_of(values):
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]


def current():
    """View -> feature -> the version of its definition and the digest of its values, by this code."""
    digests = value_digests() | on_demand_digests()
    return {
        view: {
            feature: {
                "version": definition_version(view, feature, definition.digest),
                "values": digests[view][feature],
            }
            for feature, definition in definitions.items()
        }
        for view, definitions in (feature_definitions() | on_demand_definitions()).items()
    }


def differences(recorded, now):
    """What is wrong between the record and `current()`: (all of it, what must not be recorded)."""
    outdated, silent = [], []
    for view, features in now.items():
        for feature, values in features.items():
            before = recorded.get(view, {}).get(feature)
            if before is not None and before["version"] == values["version"]:
                if before["values"] != values["values"]:
                    silent.append(
                        f"the values of {view}.{feature} changed, and its definition did not: change its formula in "
                        "ingestion/features/feature_definitions.py, or count the formula's revision up where its text "
                        f"was right, so that it is version {values['version'] + 1}"
                    )
            elif before != values:
                outdated.append(
                    f"record version {values['version']} of {view}.{feature}: "
                    "python -m tests.published_definitions --publish"
                )
    gone = [
        f"record that {view}.{feature} is gone: python -m tests.published_definitions --publish"
        for view, features in recorded.items()
        for feature in features.keys() - now.get(view, {}).keys()
    ]
    return silent + outdated + gone, silent
