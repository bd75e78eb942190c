"""How a value may be spelled. Both ways of reading a bet, one by one and as a frame, go by these patterns.

They mean the same to Python's `re` and to the Rust engine inside Polars: ASCII classes, no look-around, the whole text.
"""

from __future__ import annotations

# +150, -110.5, .5, 1e3. No thousands separator: 1,500 is one number in one country and another in the next.
NUMBER = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"

# As booleans arrive in text: JSON, Postgres, and 0/1 with or without the ".0" that pandas adds when a column has gaps.
# A float may keep the sign of its zero.
_TRUE, _FALSE = ("true", "t", "1", "1.0"), ("false", "f", "0", "0.0", "-0.0")
BOOLEAN_SPELLINGS = dict.fromkeys(_TRUE, True) | dict.fromkeys(_FALSE, False)

# ISO 8601, extended or basic, T or a space, seconds and fraction optional, Z or an offset of hours (and minutes).
# A date alone does not match: read as midnight it would claim that a fact was known before it happened.
# Nor does a year below 1000, so that no offset can lead out of the calendar at its lower end.
TIMESTAMP = (
    r"^([1-9][0-9]{3})-?([0-9]{2})-?([0-9]{2})[Tt ]([01][0-9]|2[0-3]):?([0-5][0-9])"
    r"(?::?([0-5][0-9])(?:[.,]([0-9]{1,9}))?)?"
    r" ?(?:[Zz]|([+-])([01][0-9]|2[0-3])(?::?([0-5][0-9]))?)?$"
)
# What tells a TIMESTAMP with an offset from a naive one.
HAS_OFFSET = r"[Zz]$|[Tt ].*[+-]"

# An id that a spreadsheet took for a number and rounded: 6.38492E+17. Its last digits are gone.
ROUNDED_ID = r"^[0-9](?:[.,][0-9]+)?[eE]\+[0-9]+$"
