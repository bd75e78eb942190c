"""Results and errors as JSON documents on stdout; errors in words on stderr."""

from __future__ import annotations

import json
import sys
import textwrap
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any, Protocol

from feature_repo.errors import PikkitError
from feature_repo.servers.redaction import redacted
from ingestion.cli.output import message_lines, print_line, result_begun
from ingestion.cli.terminal import styled
from ingestion.wording import escaped, plain_lines


def print_json(value: Any) -> None:
    """Print the result as one JSON document on stdout, with control characters escaped. Datetimes become ISO 8601."""
    print_line(_json_text(value))


def print_json_with_rows(members: dict[str, Any], name: str, rows: Iterable[Any]) -> None:
    """As `print_json({**members, name: list(rows)})`, but each row is written as it comes and none is kept."""
    start, end = _json_text({**members, name: []}).rsplit("[]", 1)
    before, after = f"{start}[\n", ""
    for row in rows:
        result_begun.set(True)
        sys.stdout.write(before + textwrap.indent(_json_text(row), "    "))
        before, after = ",\n", "\n  "
    print_line(f"{after}]{end}" if after else f"{start}[]{end}")


def _json_text(value: Any) -> str:
    lines = json.dumps(value, indent=2, default=_jsonable, ensure_ascii=False).split("\n")
    return "\n".join(escaped(line, lambda c: json.dumps(c)[1:-1]) for line in lines)


def report_error(error: PikkitError) -> None:
    """The three parts of an error on stderr: what happened, what state things are in, what to do next; no secret."""
    kind, message = styled(error.kind, "bad", sys.stderr), message_lines(f"{error.kind}: {error}")
    sys.stderr.write(f"{kind}{message.removeprefix(error.kind)}\n")
    sys.stderr.flush()


def report_bug() -> None:
    """The traceback of the exception that is handled on stderr, without secrets."""
    sys.stderr.write(f"{plain_lines(redacted(traceback.format_exc().rstrip()))}\n")
    sys.stderr.flush()


class ErrorDocument(Protocol):
    """A function that prints an error: its kind, three parts, data, and the exit code that the command ends with."""

    def __call__(self, kind: str, error: PikkitError, exit_code: int) -> None:
        """Print it as JSON on stdout."""


@contextmanager
def error_documents(*, wanted: bool) -> Iterator[ErrorDocument]:
    """Yield a function that prints an error as JSON.

    It prints nothing unless `wanted`, and nothing once a part of a result has been printed inside this context: stdout
    holds one document, a result or an error.
    """
    token = result_begun.set(False)

    def print_document(kind: str, error: PikkitError, exit_code: int) -> None:
        if wanted and not result_begun.get():
            print_json({"error": _error_document(kind, error, exit_code)})

    try:
        yield print_document
    finally:
        result_begun.reset(token)


def _error_document(kind: str, error: PikkitError, exit_code: int) -> dict[str, Any]:
    parts = {"what": error.what, "state": error.state, "next_step": error.next_step}
    document = {"kind": kind, **parts, "exit_code": exit_code, "data": error.data()}
    # As it will be printed, so that whatever an error carries is texts, numbers and containers of these.
    return dict(_redacted_texts(json.loads(json.dumps(document, default=_jsonable))))


def _redacted_texts(value: Any) -> Any:
    """The same JSON value, with no secret in any of its texts."""
    if isinstance(value, dict):
        return {name: _redacted_texts(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_redacted_texts(element) for element in value]
    return redacted(value) if isinstance(value, str) else value


def _jsonable(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)
