"""Options that several verbs share, with their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Now = Annotated[
    str | None, typer.Option("--now", metavar="INSTANT", help="Stop the clock here (ISO 8601), not at the time.")
]
PingOption = Annotated[
    str | None,
    typer.Option(
        "--ping", metavar="URL", help="GET this when all is well, and URL/fail when not: a dead man's switch."
    ),
]
SourceOption = Annotated[
    str | None,
    typer.Option(
        "--source",
        metavar="SOURCE",
        help="supabase, postgres, or a Parquet, JSON or CSV file; if one table is configured, that one.",
    ),
]
MappingOption = Annotated[
    Path | None,
    typer.Option("--mapping", metavar="FILE", help="What the columns of the file mean, in TOML (docs/formats.md)."),
]
OverrideOption = Annotated[
    str | None,
    typer.Option("--override-gate", metavar="REASON", help="Publish what the quality gate refuses, for this reason."),
]
WithoutOption = Annotated[
    list[str] | None,
    typer.Option("--without", metavar="COLUMN", help="Accept that the source has lost this column. May be repeated."),
]
LateOption = Annotated[
    bool, typer.Option("--late", help="Take a new source though all of it is older than what was published.")
]
ClockAheadOption = Annotated[
    bool, typer.Option("--clock-ahead", help="Take the clock though it lies more than an hour past the database's.")
]


def override_reason(override: str | None) -> str | None:
    """The reason that --override-gate gives, stripped; None where the option is left out.

    Raises ConfigurationError where it is blank.
    """
    if override is None or override.strip():
        return override and override.strip()
    from feature_repo.errors import ConfigurationError

    raise ConfigurationError(
        "--override-gate gives no reason", "Nothing was done", "Say why what the gate refuses may be published"
    )
