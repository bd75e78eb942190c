"""The known names that somebody may have meant by one that is not known: what "did you mean" says everywhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

# How alike two names must be (difflib's ratio: 1 is equal), and how many are told at most.
LIKENESS: Final = 0.6
MOST: Final = 3


def nearest_names(name: str, known: Iterable[str], *, most: int = MOST) -> tuple[str, ...]:
    """The known names that are most like this one, the nearest first; at most `most`, none where none is alike.

    Where some differ from it in letter case only, these alone.

    >>> nearest_names("soccer", ["Tennis", "Soccer"])
    ('Soccer',)
    >>> nearest_names("Moneylin", ["Moneyline", "Total Goals"])
    ('Moneyline',)
    """
    spellings = defaultdict[str, list[str]](list)
    for candidate in known:
        spellings[candidate.casefold()].append(str(candidate))  # of an enumeration the plain text
    folded = name.casefold()
    alike = [folded] if folded in spellings else get_close_matches(folded, spellings, n=most, cutoff=LIKENESS)
    return tuple(candidate for spelling in alike for candidate in spellings[spelling])[:most]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The nearest known name as a remark that follows `name` in a sentence; an empty text where none is alike.

    >>> did_you_mean("markt", ["market", "sport"])
    " (did you mean 'market'?)"
    """
    nearest = nearest_names(name, known, most=1)
    return f" (did you mean {nearest[0]!r}?)" if nearest else ""
