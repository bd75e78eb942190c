"""The verb doctor: check every setting, server and permission."""

from __future__ import annotations

from typing import Final

import typer

from feature_repo.servers.environment import environment_over_dotenv
from feature_repo.servers.redaction import redacted
from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line
from ingestion.cli.tables import print_state

# How long the longest name of a check is, which is that of a setting.
_NAMES: Final = 23


def doctor(json: Json = False) -> None:
    """Check every setting, server and permission.

    One line a check: ok, warn or FAIL, and what to do next. Starts nothing; what it writes to try out, it takes back.
    Embedded servers that are down are a warning, because the verbs that need them start them. Exits 0 when nothing
    fails, 2 when the first failure is one of settings or permissions, 4 when it is a server that does not answer or a
    full disk.
    """
    from dataclasses import asdict, replace

    from ingestion.doctor.doctor import examine

    checks = []
    for examined in examine(environment_over_dotenv()):
        check = replace(examined, found=redacted(examined.found))
        checks.append(check)
        if not json:
            print_state(check.verdict, f"{check.name:<{_NAMES}}  {check.found}", width=4, hanging=_NAMES + 2)
    failed = [check for check in checks if check.verdict == "FAIL"]
    if json:
        print_json({"failed": len(failed), "checks": [asdict(check) for check in checks]})
    else:
        warned = sum(check.verdict == "warn" for check in checks)
        print_line(f"{len(checks)} checks: {len(failed)} failed, {warned} warned. Nothing was changed.")
    if failed:
        raise typer.Exit(failed[0].exit_code)
