"""How to begin a mapping for a file: a few lines of TOML, filled with the file's own columns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from ingestion.sources.files.formats.declaration import ColumnRule, folded
from ingestion.sources.files.formats.known_formats import FileFormat
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
# What a column may need besides its name, as comments to be made lines.
_HINTS: Final = {
    "bet_type": ('bets.bet_type.constant = "straight"  # instead of from, where all bets are single ones',),
    "status": ('bets.status.spellings = { won = "SETTLED_WIN", lost = "SETTLED_LOSS", open = "PENDING" }',),
    "american_odds": ('bets.american_odds.price = "decimal"  # where odds are like 1.91, not -110',),
    "time_placed": (
        'bets.time_placed.pattern = "%d/%m/%Y %H:%M"  # where times are not ISO 8601; a zone at the end is %Z',
        'bets.time_placed.zone = "Europe/London"  # where times have no offset',
    ),
    "updated_at": (
        'bets.updated_at.pattern = "%d/%m/%Y %H:%M"  # as for time_placed',
        'bets.updated_at.of = "time_placed"  # instead of from, with plus, where no column says when a bet was settled',
        'bets.updated_at.plus = "2 d"  # when the result was certainly known',
    ),
}
_LONGEST: Final = 60
# A format is offered to be changed where a file lacks at most so many of its columns.
_FEW: Final = 3


def begun_mapping(path: Path, columns: Sequence[str], nearest: FileFormat | None = None) -> str:
    """A mapping to begin with: the nearest format where the columns are nearly those, else what they seem to be."""
    lines = [f"name = {_quoted(path.stem)}"]
    lines += (_changed(nearest, columns) if nearest else []) or _from_nothing(columns)
    return "\n".join(f"    {line}" for line in [*lines, "# docs/formats.md has what else a mapping can say."])


def _changed(nearest: FileFormat, columns: Sequence[str]) -> list[str]:
    """The format, with the tables that read a column which the file lacks. None where that are many."""
    called = {folded(name): name for name in reversed(columns)}
    renamed = {name: called.get(folded(name), name) for name in nearest.format.source_columns}
    if len(nearest.format.missing([*columns, *(old for old, new in renamed.items() if old != new)])) > _FEW:
        return []
    lines = [f"extends = {_quoted(nearest.name)}"]
    for column, rules in nearest.format.bets.items():
        if any(rule.missing(columns) for rule in rules):
            for rule in rules:
                lines += [f"[[bets.{column}]]", *_rule(rule, renamed)]
                if missing := ", ".join(_with(rule, renamed).missing(columns)):
                    lines.append(f"# the file lacks {missing}: write what it is called there, or optional = true")
    return lines


def _with(rule: ColumnRule, renamed: dict[str, str]) -> ColumnRule:
    """The rule with the names that the columns have in the file."""
    names = {field: tuple(renamed[name] for name in getattr(rule, field)) for field in ("from_", "digest_of", "clv_of")}
    return rule.model_copy(
        update={
            **{field: value for field, value in names.items() if value},
            **({"minus": renamed[rule.minus]} if rule.minus else {}),
            **({"where": {renamed[name]: value for name, value in rule.where.items()}} if rule.where else {}),
        }
    )


def _rule(rule: ColumnRule, renamed: dict[str, str]) -> list[str]:
    """The lines of a rule's table."""
    said = _with(rule, renamed).model_dump(by_alias=True, exclude_defaults=True)
    return [f"{key} = {_toml(value)}" for key, value in said.items()]


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_quoted(key)} = {_toml(each)}' for key, each in value.items())} }}"
    if isinstance(value, tuple):
        return _toml(value[0]) if len(value) == 1 else f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _from_nothing(columns: Sequence[str]) -> list[str]:
    """What the columns seem to be, and comments where nothing is known, or where more may be needed."""
    guesses = {column: _guess(column, columns) for column in REQUIRED_COLUMNS}
    lines = []
    for column, name in guesses.items():
        lines.append(f"bets.{column}.from = {_quoted(name)}" if name else f"# bets.{column}.from = ...")
        lines += [f"# {hint}" for hint in _HINTS.get(column, ())]
    unused = [name for name in columns if name and name not in guesses.values()]
    if unused:
        lines.append(f"# the file has too: {', '.join(_short(name) for name in unused)}")
    return lines


def _guess(column: str, columns: Sequence[str]) -> str | None:
    """The column of the file that is called as this one of a bet is, or is elsewhere."""
    plain = {_plain(name): name for name in reversed(columns)}
    for name in (_plain(column), *_OTHER_NAMES.get(column, ())):
        # Of two columns for one time, that in ISO 8601.
        for spelling in (f"{name}iso", name):
            if spelling in plain:
                return plain[spelling]
    nearest = get_close_matches(_plain(column), list(plain), n=1, cutoff=0.85)
    return plain[nearest[0]] if nearest else None


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
