r"""How a group's key is spelled: one text column, from which the parts can be read back.

Parts are joined with `|`; `\` and `|` inside a part are escaped with `\`; a null part is `\N`. One-part keys follow the
same rule, so an ordinary name is its own key. Feast's own multi-column keys join without a separator and collide
("NBA","1H Total" with "NBA1","H Total"); these cannot.

`entity_frame` and `entity_rows` make what Feast's two retrieval calls need from plain bets, keys included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from feature_repo.bets.frame import Bets, bet_columns, bet_frame
from feature_repo.declarations.groups import GROUP_COLUMNS, GROUPS

if TYPE_CHECKING:
    import narwhals as nw
    import pandas as pd

NULL_PART = r"\N"

# What the on-demand views ask for beside the join keys (feature_repo/on_demand.py).
REQUEST_COLUMNS = ("american_odds", "is_live", "time_placed", "league", "market", "bet_type", "clv_percentage")


def make_key(parts: Sequence[str | None]) -> str:
    r"""The key of the group that these column values name, in the order of `Group.columns`.

    >>> make_key(["Soccer", None, "Moneyline"]) == r"Soccer|\N|Moneyline"
    True
    >>> make_key(["a|b", "c"]) == r"a\|b|c"
    True
    """
    return "|".join(map(_escaped, parts))


def _escaped(part: str | None) -> str:
    return NULL_PART if part is None else part.replace("\\", "\\\\").replace("|", "\\|")


def split_key(key: str) -> tuple[str | None, ...]:
    r"""The column values that a key was made from. Raises ValueError on text that `make_key` cannot have written.

    >>> split_key(r"Soccer|\N|Moneyline")
    ('Soccer', None, 'Moneyline')
    """
    if "\\" not in key:
        return tuple(key.split("|"))
    parts: list[str | None] = []
    text: list[str] = []
    null = False
    characters = iter(key)
    for character in characters:
        if character == "|":
            parts.append(None if null else "".join(text))
            text, null = [], False
        elif character == "\\":
            escaped = next(characters, None)
            if escaped == "N" and not text and not null:
                null = True
                continue
            if escaped not in ("\\", "|") or null:
                raise ValueError(f"not a key of feature_repo/group_keys.py: {key!r}")
            text.append(escaped)
        elif null:
            raise ValueError(f"not a key of feature_repo/group_keys.py: {key!r}")
        else:
            text.append(character)
    parts.append(None if null else "".join(text))
    return tuple(parts)


def key_expression(columns: Sequence[str]) -> nw.Expr:
    """`make_key` over whole text columns, as a Narwhals expression named after the first of them.

    >>> import narwhals as nw
    >>> import polars as pl
    >>> bets = nw.from_native(pl.DataFrame({"sport": ["Soccer"], "market": ["Moneyline"]}))
    >>> bets.select(key=key_expression(["sport", "market"]))["key"].to_list()
    ['Soccer|Moneyline']
    """
    import narwhals as nw

    parts = (
        nw.col(*columns)
        .str.replace_all("\\", "\\\\", literal=True)
        .str.replace_all("|", "\\|", literal=True)
        .fill_null(NULL_PART)
    )
    return nw.concat_str(parts, separator="|")


def only_part(key: str | None) -> str | None:
    """The column value that a one-part key was made from; None for None. Raises ValueError on anything else.

    >>> only_part("Soccer")
    'Soccer'
    """
    if key is None:
        return None
    parts = split_key(key)
    if len(parts) != 1:
        raise ValueError(
            f"{key!r} is a key of {len(parts)} parts where one was expected; keys come from feature_repo/group_keys.py"
        )
    return parts[0]


def entity_frame(bets: Bets) -> pd.DataFrame:
    """The `entity_df` of `get_historical_features`: one row per bet, in order, as of the bet's `time_placed`.

    Holds `bet_id` when the bets have an `id` or `bet_id`, `event_timestamp` (UTC), every join key and the request
    columns. Feast leaves these in its result, `clv_percentage` too, which a model for the moment of placement must not
    see: give bets without it to train one. Raises what `bet_frame` raises, and ValueError when a `time_placed` is
    missing.

    >>> bet = {"sport": "Soccer", "league": "Italy Serie A", "market": "Moneyline", "institution_name": "Pinnacle",
    ...        "bet_type": "straight", "american_odds": -110, "is_live": False, "time_placed": "2026-05-24T15:00:00Z"}
    >>> frame = entity_frame([bet])
    >>> frame["sport_league_market"].to_list(), str(frame["event_timestamp"][0])
    (['Soccer|Italy Serie A|Moneyline'], '2026-05-24 15:00:00+00:00')
    """
    import narwhals as nw

    plain = bet_frame(bets)
    if unplaced := plain.get_column("time_placed").null_count():
        raise ValueError(f"time_placed is missing in {unplaced} of {len(plain)} bets")
    keyed = nw.from_native(plain).with_columns(nw.col("time_placed").alias("event_timestamp"))
    keyed = keyed.with_columns(key_expression(group.columns).alias(group.join_key) for group in GROUPS)
    names = ["bet_id", "event_timestamp", *(group.join_key for group in GROUPS), *REQUEST_COLUMNS]
    return _to_pandas(keyed.select(name for name in names if name in keyed.columns))


def entity_rows(bets: Bets) -> list[dict[str, Any]]:
    """The `entity_rows` of `get_online_features`: one dict per bet, in order, with the columns of `entity_frame`
    but for `event_timestamp`. Raises what `feature_repo.bets.frame.bet_columns` raises.

    >>> bet = {"sport": "Soccer", "league": "Italy Serie A", "market": "Moneyline", "institution_name": "Pinnacle",
    ...        "bet_type": "straight", "american_odds": -110, "is_live": False, "time_placed": "2026-05-24T15:00:00Z"}
    >>> (row,) = entity_rows([bet])
    >>> row["sport_market"], row["american_odds"], str(row["time_placed"])
    ('Soccer|Moneyline', -110.0, '2026-05-24 15:00:00+00:00')
    """
    columns = entity_columns(bets)
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def entity_columns(bets: Bets) -> dict[str, list[Any]]:
    """The values of `entity_rows`, a list per column."""
    columns = bet_columns(bets)
    # A column is part of several keys, and is escaped once.
    parts = {name: list(map(_escaped, columns[name])) for name in GROUP_COLUMNS}
    keys = {
        group.join_key: list(map("|".join, zip(*(parts[column] for column in group.columns), strict=True)))
        for group in GROUPS
    }
    return {name: columns[name] for name in ("bet_id", *REQUEST_COLUMNS) if name in columns} | keys


def _to_pandas(frame: nw.DataFrame[Any]) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    # With these types a column of nulls has a type too. Text stays in Arrow's memory: Python objects would take as long
    # to make as all features take to join. (Feast's own Postgres store would make jsonb of it.)
    text = pd.StringDtype("pyarrow")
    types = {pa.bool_(): pd.BooleanDtype(), pa.string(): text, pa.large_string(): text}
    frame_in_pandas: pd.DataFrame = frame.to_arrow().to_pandas(types_mapper=types.get)
    return frame_in_pandas
