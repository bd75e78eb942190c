"""Which versions of each feature were published: the digests of its definitions, counted from 1.

They stand in published_definitions.toml beside this module, which only ever grows. `python -m
tests.published_definitions --check`, a part of `make check`, holds it against the definitions of this code.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

PUBLISHED_DEFINITIONS: Final = Path(__file__).with_name("published_definitions.toml")

# View -> feature -> version -> digest of the definition.
DigestsByVersion = Mapping[str, Mapping[str, Mapping[int, str]]]


def parse_published(text: str) -> DigestsByVersion:
    """The digests of all published definitions, versions in order, from the text of the file."""
    return versions_in_order(tomllib.loads(text))


def versions_in_order(published: Mapping[str, Mapping[str, Mapping[str, str]]]) -> DigestsByVersion:
    """The same digests with versions as numbers, in order: TOML and JSON have text for keys. ValueError for others."""
    return {
        view: {
            feature: {
                int(version): digest for version, digest in sorted(digests.items(), key=lambda item: int(item[0]))
            }
            for feature, digests in features.items()
        }
        for view, features in published.items()
    }


@cache
def published_digests() -> DigestsByVersion:
    """The digests of all published definitions, versions in order."""
    return parse_published(PUBLISHED_DEFINITIONS.read_text(encoding="utf-8"))


def definition_version(view: str, feature: str, digest: str) -> int:
    """The version that the definition with this digest has: the newest published one, or that which comes after it."""
    return version_among(published_digests(), view, feature, digest)


def version_among(published: DigestsByVersion, view: str, feature: str, digest: str) -> int:
    """The same by another record of published definitions."""
    digests = published.get(view, {}).get(feature, {})
    newest = max(digests, default=0)
    return newest if newest and digests[newest] == digest else newest + 1


def unpublished_definitions(
    published: DigestsByVersion, definitions: Mapping[str, Mapping[str, str]]
) -> dict[tuple[str, str], tuple[int, str]]:
    """View and feature -> the version that its definition has and the record lacks, and the digest.

    `definitions` has the digest of each, by view and feature.
    """
    return {
        (view, feature): (version, digest)
        for view, digests in definitions.items()
        for feature, digest in digests.items()
        for version in [version_among(published, view, feature, digest)]
        if published.get(view, {}).get(feature, {}).get(version) != digest
    }


def withdrawn_definitions(
    published: DigestsByVersion, earlier: DigestsByVersion
) -> Iterator[tuple[str, str, int, str]]:
    """View, feature, version and digest of what an earlier record has and this one lacks, or has otherwise."""
    for view, features in earlier.items():
        for feature, digests in features.items():
            for version, digest in digests.items():
                if published.get(view, {}).get(feature, {}).get(version) != digest:
                    yield view, feature, version, digest
