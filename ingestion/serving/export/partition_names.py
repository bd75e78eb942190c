"""How a partition's directory is named, whatever the sport is called: inside the root, on any file system.

A name's bytes outside [A-Za-z0-9_-] are percent-encoded. So it holds no separator, no `..`, nothing that a shell or a
reader takes for something else; and since `sport_key=` stands before it, none that Windows reserves.
"""

from __future__ import annotations

import hashlib
import string
from typing import Final

from feature_repo.group_keys import NULL_PART, make_key

# File systems end a name at 255 bytes; object stores a whole key at 1,024.
LONGEST: Final = 180
# What no name is encoded as, for the one that would leave nothing: Spark refuses `sport_key=`.
EMPTY: Final = "~"

_SAFE: Final = frozenset(string.ascii_letters + string.digits + "_-")
_DIGEST_BYTES: Final = 8


def sport_directory(sport: str | None) -> str:
    """`sport_key=` and the sport's key, encoded: another one for each sport, the same every time."""
    return f"sport_key={encoded(make_key([sport]))}"


def month_directory(name: str, month: str | None) -> str:
    r"""`name` and the month, YYYY-MM; `\N`, encoded, for rows without one."""
    return f"{name}={encoded(NULL_PART if month is None else month)}"


def encoded(text: str) -> str:
    """The text in at most LONGEST characters of [A-Za-z0-9_%~-], never the same for two texts.

    A longer one is cut at a whole character, so that what stands before the `~` and the digest can still be decoded.
    """
    characters = [_encoded(character) for character in text]
    whole = "".join(characters) or EMPTY
    if len(whole) <= LONGEST:
        return whole
    ending = "~" + hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    while sum(map(len, characters)) > LONGEST - len(ending):
        characters.pop()
    return "".join(characters) + ending


def _encoded(character: str) -> str:
    return character if character in _SAFE else "".join(f"%{byte:02X}" for byte in character.encode())
