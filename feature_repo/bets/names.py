"""How the names of sports, leagues, markets and books are spelled: one name, one spelling.

The same rule holds where bets are loaded (`quality/schema`) and where bets are asked about
(`feature_repo/bets/frame.py`), so that a bet to be scored meets the groups that history knows.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import polars as pl

# Spelled out, because Python and Polars disagree on what a white character is. The last one is a byte order mark.
WHITESPACE: Final = (
    " \t\n\r\v\f\u0085\u00a0\u1680"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
)

# What programs write where there is no value, in lower case. No sport, league, market or book is called so.
NULL_WORDS: Final = frozenset({"null", "none", "nan", "n/a", "#n/a", "<na>"})

# Unicode's category Cf (zero width, direction, soft hyphen, tags ...), first and last of each range. Spelled out,
# because each version of Python knows another version of Unicode.
_FORMAT_RANGES: Final = (
    (0xAD, 0xAD), (0x600, 0x605), (0x61C, 0x61C), (0x6DD, 0x6DD), (0x70F, 0x70F), (0x890, 0x891), (0x8E2, 0x8E2),
    (0x180E, 0x180E), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x2064), (0x2066, 0x206F), (0xFEFF, 0xFEFF),
    (0xFFF9, 0xFFFB), (0x110BD, 0x110BD), (0x110CD, 0x110CD), (0x13430, 0x1343F), (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A), (0xE0001, 0xE0001), (0xE0020, 0xE007F),
)  # fmt: skip
_FORMAT_CHARACTERS: Final = dict.fromkeys(code for first, last in _FORMAT_RANGES for code in range(first, last + 1))


def visible_text(text: str) -> str:
    """The text in Unicode's composed form (NFC), without format characters, and without white space around it."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text.translate(_FORMAT_CHARACTERS))
    return text.strip(WHITESPACE)


def normal_name(text: str) -> str | None:
    r"""The one spelling of a name, in its letter case; null where nothing is left, or only one of NULL_WORDS.

    >>> normal_name(" Ligue Franc\u0327aise\u200b ")
    'Ligue Française'
    >>> normal_name("N/A")
    """
    name = visible_text(text)
    return None if not name or name.lower() in NULL_WORDS else name


def normal_names(names: pl.Series) -> pl.Series:
    """`normal_name` of every value of a text column, in order; nulls stay. Each different name is looked at once."""
    respelled = {name: normal for name in names.drop_nulls().unique() if (normal := normal_name(name)) != name}
    return names.replace(list(respelled), list(respelled.values())) if respelled else names
