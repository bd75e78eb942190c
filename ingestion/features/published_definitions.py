"""Which versions of each feature were published: the digests of its definitions, counted from 1.

They stand in published_definitions.toml beside this module, which only ever grows. `python -m
tests.published_definitions --check`, a part of `make check`, holds it against the definitions of this code.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

PUBLISHED_DEFINITIONS: Final = Path(__file__).with_name("published_definitions.toml")

# View -> feature -> version -> digest of the definition.
DigestsByVersion = Mapping[str, Mapping[str, Mapping[int, str]]]


def parse_published(text: str) -> DigestsByVersion:
    """The digests of all published definitions, versions in order, from the text of the file."""
    return {
        view: {
            feature: {
                int(version): digest for version, digest in sorted(digests.items(), key=lambda item: int(item[0]))
            }
            for feature, digests in features.items()
        }
        for view, features in tomllib.loads(text).items()
    }


@cache
def published_digests() -> DigestsByVersion:
    """The digests of all published definitions, versions in order."""
    return parse_published(PUBLISHED_DEFINITIONS.read_text(encoding="utf-8"))


def definition_version(view: str, feature: str, digest: str) -> int:
    """The version that the definition with this digest has: the newest published one, or that which comes after it."""
    digests = published_digests().get(view, {}).get(feature, {})
    newest = max(digests, default=0)
    return newest if newest and digests[newest] == digest else newest + 1
