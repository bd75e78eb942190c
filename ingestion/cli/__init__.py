"""The command line of the store: one module per verb; a verb imports what it needs. `pikkit` is training/cli, which
adds its own verbs to these.

Results go to stdout (`--json` for machines), progress and messages to stderr; the last line says what changed. With
`--json` an error is a document on stdout too, unless the command has printed its result before it failed.
Exit codes: 0 done · 1 bug · 2 usage or configuration · 3 gate refused · 4 source or store unreachable · 5 another run
holds the lock · 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand

from feature_repo.errors import ConfigurationError, PikkitError
from feature_repo.servers.redaction import redacted
from ingestion.cli.documents import error_documents, report_bug, report_error
from ingestion.cli.inspect.alerts import alerts
from ingestion.cli.inspect.features import features
from ingestion.cli.inspect.gate import gate
from ingestion.cli.inspect.groups import groups
from ingestion.cli.inspect.metrics import metrics
from ingestion.cli.inspect.report import report
from ingestion.cli.inspect.runs import runs
from ingestion.cli.inspect.status import status
from ingestion.cli.inspect.verify import verify
from ingestion.cli.output import print_line, say
from ingestion.cli.quarantine import quarantine_app
from ingestion.cli.serve.export import export
from ingestion.cli.serve.materialize import materialize
from ingestion.cli.serve.publish_supabase import publish_supabase
from ingestion.cli.setup.apply import apply
from ingestion.cli.setup.demo import demo
from ingestion.cli.setup.doctor import doctor
from ingestion.cli.setup.down import down
from ingestion.cli.setup.env import env
from ingestion.cli.setup.migrate import migrate
from ingestion.cli.setup.plan import plan
from ingestion.cli.setup.sample import sample
from ingestion.cli.setup.up import up
from ingestion.cli.terminal import closable_streams
from ingestion.cli.trace.diff import diff
from ingestion.cli.trace.explain import explain
from ingestion.cli.update.backfill import backfill
from ingestion.cli.update.reconcile import reconcile
from ingestion.cli.update.run import run
from ingestion.cli.update.sync import sync
from ingestion.wording import plain

# What Typer ends a command with after Ctrl-C.
_INTERRUPTED: Final = 130
# Arguments that are not those of a command. Typer has a copy of Click of its own, which does not name the class.
_UsageError: Final[type[Any]] = typer.BadParameter.__mro__[1]
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
    """A verb that takes options only. Its usage error names the options that take a value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the options. Ends with a usage error where arguments are left over."""
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


# In the order of `pikkit --help`.
for verb in (
    demo, up, down, status, doctor, env, migrate, plan, apply, sync, run, backfill, verify, reconcile, materialize,
    gate, runs, explain, diff, report, alerts, metrics, export, publish_supabase, features, groups, sample,
):  # fmt: skip
    app.command(cls=Verb)(verb)
app.add_typer(quarantine_app, name="quarantine")


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        from ingestion.runs.record import code_version

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
    """Run the command that the arguments name, and end the process with its exit code. A bug is printed here."""
    try:
        exit_code = execute(sys.argv[1:])
    except Exception:  # noqa: BLE001 (whatever nobody foresaw; Python would print it with the secrets in its message)
        report_bug()
        exit_code = PikkitError.exit_code
    sys.exit(exit_code)


@cache
def _command() -> Any:
    """All verbs as Click has them. Made once: Typer reads the signature of each."""
    return typer.main.get_command(app)


def execute(arguments: Sequence[str]) -> int:
    """Run the command that these arguments name, and return its exit code.

    Errors are printed: in words on stderr and, with `--json`, as a document on stdout. Any exception that is not a
    PikkitError is a bug: it is printed as a document and raised.
    """
    with closable_streams(), error_documents(wanted="--json" in arguments) as print_document:
        try:
            exit_code = _command().main(arguments, prog_name="pikkit", standalone_mode=False)
        except _UsageError as error:
            error.message = redacted(error.message)
            error.show()
            lists = f"`{error.ctx.command_path if error.ctx else 'pikkit'} --help` lists what may be given"
            misused = ConfigurationError(error.format_message(), "Nothing was done", lists)
            print_document("UsageError", misused, misused.exit_code)
            return misused.exit_code
        except PikkitError as error:
            report_error(error)
            print_document(error.kind, error, error.exit_code)
            return error.exit_code
        except Exception as bug:
            lookup = "`pikkit status` tells how the store stands; report this, with the traceback on stderr"
            print_document(type(bug).__name__, PikkitError(f"A bug: {bug}", "Unknown", lookup), PikkitError.exit_code)
            raise
        if exit_code == _INTERRUPTED:
            interrupted = PikkitError(
                "Interrupted", "What was committed or published stays, the rest is undone", "Run the command again"
            )
            say(str(interrupted))
            print_document("Interrupted", interrupted, _INTERRUPTED)
        return int(exit_code or 0)
