"""Whether every definition of this code was published, and none was changed since: what `make check` holds.

    python -m tests.published_definitions --check     ends with 1 and the edit to make, by feature
    python -m tests.published_definitions --publish   makes that edit, and records the values of all features anew

A model was trained on a feature by its definition. So ingestion/features/published_definitions.toml has the digest of
each definition that was ever published, counted from 1, and only grows: a changed definition is the next version. What
was committed is looked up in git; where there is none (an archive), nothing can be said of earlier records.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ingestion.features.feature_definitions import FeatureDefinition, feature_definitions, on_demand_definitions
from ingestion.features.published_definitions import (
    PUBLISHED_DEFINITIONS,
    DigestsByVersion,
    parse_published,
    unpublished_definitions,
    withdrawn_definitions,
)

ROOT = Path(__file__).parents[1]
RECORD = PUBLISHED_DEFINITIONS.relative_to(ROOT).as_posix()
HEADER = """\
# The digest of each definition that was published of each feature, by version. This file only grows: a definition that
# changed is the next version. `python -m tests.published_definitions --publish` adds it; docs/versions.md says when.
"""
PUBLISH = (
    "`python -m tests.published_definitions --publish` adds what is to be added, and records the values anew; "
    "docs/versions.md has the steps\n"
)


def all_definitions() -> dict[str, dict[str, FeatureDefinition]]:
    """The definitions of all features of this code, by view and feature."""
    return feature_definitions() | on_demand_definitions()


def unpublished(published: DigestsByVersion) -> dict[tuple[str, str], tuple[int, str]]:
    """View and feature -> the version that its definition has and the record lacks, and the digest."""
    digests = {
        view: {feature: definition.digest for feature, definition in definitions.items()}
        for view, definitions in all_definitions().items()
    }
    return unpublished_definitions(published, digests)


def problems(published: DigestsByVersion) -> Iterator[str]:
    """What is wrong with the record, each with the edit to make."""
    for (view, feature), (version, digest) in unpublished(published).items():
        since = f"changed since version {version - 1} was published" if version > 1 else "was never published"
        yield f'the definition of {view}.{feature} {since}: add `{version} = "{digest}"` under [{view}.{feature}]'
    for view, features in published.items():
        for feature, digests in features.items():
            if list(digests) != list(range(1, len(digests) + 1)):
                yield f"the versions of {view}.{feature} are {', '.join(map(str, digests))}: number them from 1 on"


def withdrawn(published: DigestsByVersion, earlier: DigestsByVersion) -> Iterator[str]:
    """The versions that an earlier record has and this one lacks, or has otherwise."""
    for view, feature, version, digest in withdrawn_definitions(published, earlier):
        yield (
            f"version {version} of {view}.{feature} was published: put "
            f'`{version} = "{digest}"` back under [{view}.{feature}], and give another definition the next number'
        )


def committed_records(root: Path = ROOT) -> Iterator[DigestsByVersion]:
    """The record as each commit that touched it has it; none where git or its history is missing."""
    for commit in _git(root, "log", "--format=%H", "--", RECORD).split():
        if text := _git(root, "show", f"{commit}:{RECORD}"):
            yield parse_published(text)


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def with_unpublished(published: DigestsByVersion) -> str:
    """The text of the record with all that it lacks; views and features in the order of the code."""
    missing = unpublished(published)
    names = {
        (view, feature): None
        for views in (all_definitions(), published)
        for view, features in views.items()
        for feature in features
    }
    tables = []
    for view, feature in names:
        digests = dict(published.get(view, {}).get(feature, {}))
        if (view, feature) in missing:
            version, digest = missing[view, feature]
            digests[version] = digest
        lines = "".join(f'{version} = "{digest}"\n' for version, digest in digests.items())
        tables.append(f"\n[{view}.{feature}]\n{lines}")
    return HEADER + "".join(tables)


def main(arguments: list[str]) -> int:
    """Check the record, or bring it up to the code. Returns the exit code."""
    published = parse_published(PUBLISHED_DEFINITIONS.read_text(encoding="utf-8"))
    wrong = list(dict.fromkeys(each for earlier in committed_records() for each in withdrawn(published, earlier)))
    if arguments == ["--publish"] and not wrong:
        return _publish(published)
    wrong += problems(published)
    for problem in wrong:
        sys.stdout.write(f"{RECORD}: {problem}\n")
    if wrong:
        sys.stdout.write(PUBLISH)
    return bool(wrong)


def _publish(published: DigestsByVersion) -> int:
    from tests.ingestion.features.feature_values import RECORDED, current, differences

    values = current()
    recorded = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {}
    # A value that changed under a published definition is a changed definition.
    if silent := differences(recorded, values)[1]:
        sys.stdout.write("".join(f"{problem}\n" for problem in silent))
        return 1
    PUBLISHED_DEFINITIONS.write_text(with_unpublished(published), encoding="utf-8")
    RECORDED.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    for view, feature in unpublished(published):
        sys.stdout.write(f"published {view}.{feature}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
