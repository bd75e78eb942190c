"""Text that is data, whatever it looks like: every name of a bet may hold it, and it must come out as it went in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from feature_repo.bets.names import NULL_WORDS, normal_name
from ingestion.sample.sample import generate_sample, write_sample
from tests.builders.bet_files import NOW, bet

# None has white space at its ends, which is trimmed, and none is longer than the shortest column. No two are one name.
TEXTS = {
    "sql": "Robert'); drop table bets;--",
    "sql, dollars": "$$; delete from raw.bet_versions; $1 :name",
    "sql comment": "/* x */ -- y",
    "psycopg": "%s %(sport)s %% {}",
    "copy": r"\.",
    "copy null": r"\N",
    "copy escape": r"a\tb\\c\x41",
    "html": "<script>alert(1)</script>",
    "html attribute": "\" onmouseover=\"alert(1)\" x='",
    "html entity": "&lt;b&gt; &amp;amp; &#60;",
    "template": "{{7*7}} ${7*7} <%= 7*7 %> #{7*7}",
    "shell": "$(rm -rf .) `id`; true && false | cat > x",
    "path": "../../etc/passwd",
    "windows path": r"C:\x\..\CON",
    "url": "%2e%2e%2f%00%0d%0a?a=b&c#d",
    "printf": "%n%s%d%1000000d",
    "braces": "{0.__class__.__mro__} {x!r:>99}",
    "rich markup": "[red]x[/red] [link=file:///etc/passwd]y[/link] [/]",
    "formula": "=cmd|' /C calc'!A1",
    "formula, plus": "+1+1",
    "formula, at": "@SUM(1,1)",
    "csv": 'a,"b";c\r\nd',
    "json": '{"id": "x", "amount": null}',
    "json escape": r"\u0041\ud800\"",
    "redis": "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb",
    "postgrest": 'eq.x),or=(id.gt."0",not.is.null)&select=*',
    "prometheus": 'x"} 1\n# HELP y',
    "key": r"a|b\|c",
    "nothing, spelled": "null",
    "zero": "0",
    "number": "007",
    "not a number": "NaN",
    "boolean": "true",
    "date": "2026-05-01",
    "terminal": "\x1b[2J\x1b]0;owned\x07\x9b31m",
    "lines": "a\nb\tc\vd",
    "delete": "a\x7f\x08b",
    "combining": "o\u0308",
    "composed": "\u00e9",
    "many marks": "Z" + "\u0335\u0321" * 20,
    "right to left": "\u202egpj.exe\u202c",
    "arabic and hebrew": "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",
    "zero width": "a\u200bb\u200d\u2060c",
    "emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f3f4\U000e0067\U000e007f",
    "astral": "\U00020000\U0010fffd",
    "non-characters": "\ufffe\uffff\ufdd0",
    "private and replaced": "\ue000\ufffd",
    "line separators": "a\u2028b\u2029c\u0085d",
    "dotless": "I\u0131\u0130i \u017fs \u00df\u1e9e",
    "longest": "\U0001f3c0" * 100,
}  # fmt: skip
# JSON can spell what no text can hold.
HALF_A_CHARACTER = r'"\ud83d"'
LONG = "x" * 10_000


def named(number: int, text: str) -> dict[str, Any]:
    """A bet that has this text for its id and for every name. The price differs from those of its neighbours."""
    price = 150 + number
    # What says that there is no name is null as a whole, and data as a part.
    name = f"a {text}" if text.lower() in NULL_WORDS else text
    names = dict.fromkeys(("sport", "league", "market", "institution_name"), name)
    return bet("", 1, id=text, **names, american_odds=price, profit=price / 10)


NAMED = {text: named(number, text) for number, text in enumerate(TEXTS.values())}

# The one spelling in which the store keeps the names of each.
KEPT_NAMES = {text: normal_name(bet["sport"]) for text, bet in NAMED.items()}


def refused(number: int, text: str) -> dict[str, Any]:
    """A bet that has this text for its status too, where it cannot stand."""
    return named(number, text) | {"id": f"refused {number}", "status": text}


def ordinary_and_named(path: Path) -> Path:
    """A file of enough ordinary bets for every gate, and those of NAMED among them."""
    write_sample(generate_sample(1_500, NOW, seed=7), path)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in NAMED.values())
    return path
