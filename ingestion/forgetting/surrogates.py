"""The ids that forgotten bets have in the log: random, and where the order of ids matters at the place of the old one.

Bets that became known at one instant stand in the order of their ids in the windows of last bets. So that history stays
what it was, the new id of such a bet lies between those of its neighbours; of all others it is random.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

_ALONE: Final = "forgotten-"
# Sorts after every character that an id is likely to have.
_LATE: Final = "~"
_RANDOM_BYTES: Final = 8


@dataclass(frozen=True)
class Neighbours:
    """A bet to be forgotten, and the ids that its new one must lie between, by code points; null: there is none."""

    bet: str
    below: str | None = None
    above: str | None = None


def surrogates(bets: Iterable[Neighbours]) -> dict[str, str]:
    """A new id for each bet. Those of several bets with the same neighbours keep the order of these bets.

    A new id does not hold the old one, unless its neighbours leave no other. Where they leave none at all (ids of
    control characters) it is random.
    """
    given: dict[str, str] = {}
    last_between = dict[tuple[str | None, str | None], str]()
    for place, entry in enumerate(sorted(bets, key=lambda entry: entry.bet)):
        token = f"{place:06x}{secrets.token_hex(_RANDOM_BYTES)}"
        between = (entry.below, entry.above)
        if between == (None, None):
            given[entry.bet] = f"{_ALONE}{token}"
        else:
            given[entry.bet] = last_between[between] = _between(entry, last_between.get(between), token)
    return given


def _between(entry: Neighbours, after: str | None, token: str) -> str:
    lowest = max(entry.below or "", after or "")
    stems = [*_stems(entry.below or "", entry.above), *_stems(lowest, entry.above)]
    candidates = [f"{stem}{token}" for stem in stems]
    fitting = [each for each in candidates if lowest < each and (entry.above is None or each < entry.above)]
    unlike = [each for each in fitting if entry.bet not in each]
    return next(iter([*unlike, *fitting]), f"{_ALONE}{token}")


def _stems(below: str, above: str | None) -> Iterator[str]:
    """Beginnings of texts between the two, those that say the least of either first."""
    shared = _shared(below, above) if above is not None else 0
    if above is None:
        yield _LATE
    elif shared < len(above):
        low = ord(below[shared]) if shared < len(below) else 0x1F
        yield from (above[:shared] + chr(code) for code in range(low + 1, min(ord(above[shared]), low + 4)))
    yield from (below[: end + 1] + _LATE for end in range(shared, len(below)))
    if above is not None:
        yield from (
            above[:end] + chr(ord(above[end]) - 1) for end in range(shared, len(above)) if ord(above[end]) > 0x20
        )
    yield from (below[:end] + chr(ord(below[end]) + 1) for end in range(len(below)) if ord(below[end]) < 0xD7FF)
    yield below + _LATE
    yield below + "\x01"


def _shared(below: str, above: str) -> int:
    """How many characters both begin with."""
    return next((place for place, pair in enumerate(zip(below, above, strict=False)) if len(set(pair)) > 1),
                min(len(below), len(above)))  # fmt: skip
