"""How to begin a mapping for a file: a few lines of TOML, filled with the file's own columns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from quality.schema import REQUIRED_COLUMNS

# What other files call the columns of a bet, in lower case without spaces, dots and underscores.
_OTHER_NAMES: Final = {
    "id": ("betid", "betno", "ticketid", "transactionid", "externalbetid", "wagerid"),
    "bet_type": ("type", "bettype", "wagertype"),
    "status": ("status", "result", "outcome", "betresult"),
    "american_odds": ("oddsamerican", "betamericanodds", "odds", "price", "pricematched", "avgoddsmatched"),
    "amount": ("stake", "amount", "risk", "atrisk", "wager", "betamount", "stakegbp"),
    "profit": ("profit", "betprofit", "netprofit", "pnl", "profitloss", "profitlossgbp", "win"),
    "sport": ("sport", "sports", "eventsport"),
    "league": ("league", "leagues", "eventleague", "competition"),
    "market": ("market", "marketname", "proposition"),
    "institution_name": ("sportsbook", "book", "bookname", "bookmaker", "operator", "site"),
    "time_placed": ("timeplaced", "placedat", "placed", "betplaced", "createdat", "accepted", "date", "betdatetime"),
    "updated_at": ("updatedat", "dateclosed", "settledat", "settled", "timesettled"),
}
_LONGEST: Final = 60


def begun_mapping(path: Path, columns: Sequence[str]) -> str:
    """A mapping to begin with: what the columns seem to be, and comments where nothing is known."""
    guesses = {column: _guess(column, columns) for column in REQUIRED_COLUMNS}
    lines = [f"name = {_quoted(path.stem)}"]
    for column, name in guesses.items():
        lines.append(f"bets.{column}.from = {_quoted(name)}" if name else f"# bets.{column}.from = ...")
    unused = [name for name in columns if name and name not in guesses.values()]
    if unused:
        lines.append(f"# the file has too: {', '.join(_short(name) for name in unused)}")
    lines.append("# docs/formats.md has what else a mapping can say.")
    return "\n".join(f"    {line}" for line in lines)


def _guess(column: str, columns: Sequence[str]) -> str | None:
    """The column of the file that is called as this one of a bet is, or is elsewhere."""
    plain = {_plain(name): name for name in reversed(columns)}
    for name in (_plain(column), *_OTHER_NAMES.get(column, ())):
        if name in plain:
            return plain[name]
    nearest = get_close_matches(_plain(column), list(plain), n=1, cutoff=0.85)
    return plain[nearest[0]] if nearest else None


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
