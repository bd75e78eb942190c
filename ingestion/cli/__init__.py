"""The command line: `pikkit`, also `python -m ingestion`. One module per group of verbs; a verb imports what it needs.

Results go to stdout (`--json` for machines), progress and messages to stderr; the last line says what changed.
Exit codes: 0 done · 1 bug · 2 usage or configuration · 3 gate refused · 4 source or store unreachable · 5 another run
holds the lock.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from ingestion.cli import bets, demo, export, gates, groups, publish, quarantine, runs, services, status, store, sync
from ingestion.cli.output import plain, print_line, report_error, say
from ingestion.errors import PikkitError

# What Typer ends the process with after Ctrl-C.
_INTERRUPTED = 130

app = typer.Typer(
    name="pikkit",
    help="A Feast feature store for models that predict the profit of sports bets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 120},
)


class Verb(TyperCommand):
    """A verb that takes options only, and says so with their names when it is given anything else."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments that no option takes. Ends with the usage where there are some."""
        ctx.allow_extra_args = True
        extra = super().parse_args(ctx, args)
        if extra and not ctx.resilient_parsing:
            takers = [f"{option.opts[0]} {_metavar(option)}" for option in self.params if _takes_value(option)]
            hint = f" A value follows its option: {', '.join(takers)}." if takers else ""
            ctx.fail(f"Got what no option takes: {' '.join(map(plain, extra))}.{hint}")
        return extra


def _metavar(option: Any) -> str:
    return str(option.metavar or option.name.upper())


def _takes_value(option: Any) -> bool:
    return option.param_type_name == "option" and not option.is_flag


for verb in (
    demo.demo, services.up, services.down, status.status, services.doctor, services.env,
    store.migrate, store.apply, sync.sync, runs.run, runs.backfill, runs.verify, sync.reconcile, store.materialize,
    gates.gate, gates.runs, export.export, publish.publish_supabase,
    store.features, groups.groups, bets.score, bets.sample,
):  # fmt: skip
    app.command(cls=Verb)(verb)
app.add_typer(quarantine.app, name="quarantine")


def _print_version(asked: bool) -> None:
    if asked:
        from ingestion.runs import code_version

        print_line(f"pikkit {code_version()}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options that come before the verb."""


def main() -> None:
    """Run the command that the arguments name, and end the process with its exit code."""
    try:
        app()
    except PikkitError as error:
        report_error(error)
        sys.exit(error.exit_code)
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            say("Interrupted. What was committed or published stays, the rest is undone. Run the command again.")
        raise
