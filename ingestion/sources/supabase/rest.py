"""Requests to a Supabase project's REST API through supabase-py, each answer checked, and asked for again while that
may help.

No answer is believed for its status alone: what should be rows must be JSON, and as many rows as its Content-Range
says. The key stands in no message, log or repr. HTTP/1.1 only: the HTTP/2 library logs headers, keys included.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

from feature_repo.errors import SourceDenied
from ingestion.sources.retry import TransientFailure, retry_after, retry_transient
from ingestion.sources.settings import SupabaseProject

if TYPE_CHECKING:
    import httpx
    from supabase import Client

_T = TypeVar("_T")

TIMEOUT: Final = 25.0  # seconds for connecting, and for each silence of the server
NO_RIGHT, NO_COLUMN, NO_FUNCTION, TOO_SLOW = "42501", "42703", "PGRST202", "57014"
NO_ANSWER: Final = "no answer"
# Text that is no value of a column's type, or out of its range.
NO_VALUE: Final = ("22P02", "22003")
_NO_TABLE: Final = ("42P01", "PGRST205")
_NO_SCHEMA: Final = "PGRST106"
_LATER: Final = (408, 425, 429)
_LONGEST_WORDS: Final = 300  # characters
_CONTENT_RANGE: Final = re.compile(r"(?:(\d+)-(\d+)|\*)/(\d+|\*)")
_BETWEEN: Final = re.compile(r"[ \t\r\n]*,?[ \t\r\n]*")
_decode: Final = json.JSONDecoder().raw_decode


def _nothing() -> None:
    """The `too_slow` of requests that ask for the same again when the server's time limit stopped them."""


class ProjectDenied(SourceDenied):
    """A SourceDenied of a project, with the code of PostgREST or Postgres ("" without one)."""

    def __init__(self, what: str, state: str, next_step: str, *, code: str = "") -> None:
        super().__init__(what, state, next_step)
        self.code = code


@dataclass(frozen=True)
class Rows:
    """An answer with rows: each as it is spelled, and read. `total` is how many there are, where that was asked."""

    texts: list[str]
    records: list[dict[str, Any]]
    total: int | None


class Rest:
    """A project's REST API, open. `client` builds requests; `send` and `rows` send them."""

    def __init__(
        self, project: SupabaseProject, key: str, patience: timedelta, tell_wait: Callable[[str], None]
    ) -> None:
        import httpx

        self.project, self._key, self._patience, self._tell_wait = project, key, patience, tell_wait
        self._answer: httpx.Response | None = None
        # A redirection would take the key to wherever it points.
        hooks: dict[str, list[Callable[..., Any]]] = {"response": [self._keep]}
        self._http = httpx.Client(timeout=TIMEOUT, follow_redirects=False, event_hooks=hooks, verify=_tls_context())
        self.client = _client(project, key, self._http)

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def send(
        self, request: Callable[[], Any], check: Callable[[httpx.Response], _T], too_slow: Callable[[], None] = _nothing
    ) -> _T:
        """What `check` makes of the answer to a request, which is built and sent anew for each attempt.

        `check` raises TransientFailure on an answer that is not what was asked for. `too_slow` is called when the
        server's own time limit stopped it. Raises ProjectDenied, or Unreachable after retries.
        """

        def attempt() -> _T:
            try:
                return check(self._once(request()))
            except TransientFailure as failure:
                if failure.code == TOO_SLOW:
                    too_slow()
                raise

        return retry_transient(attempt, host=self.project.host, patience=self._patience, tell_wait=self._tell_wait)

    def rows(self, request: Callable[[], Any]) -> Rows:
        """The rows that a request selects. Raises ProjectDenied, or Unreachable after retries."""
        return self.send(request, rows_of_answer)

    def count(self, request: Callable[[], Any]) -> int:
        """The number of rows that a request with an exact count selects, however few it asks for."""
        return self.rows(request).total or 0

    def count_in_time(self, request: Callable[[], Any]) -> int | None:
        """The same, asked once; null when the server's time for a statement is up first, or ours for an answer."""

        def attempt() -> int | None:
            try:
                return rows_of_answer(self._once(request())).total or 0
            except TransientFailure as failure:
                if failure.code in (TOO_SLOW, NO_ANSWER):
                    return None
                raise

        return retry_transient(attempt, host=self.project.host, patience=self._patience, tell_wait=self._tell_wait)

    def _keep(self, answer: httpx.Response) -> None:
        answer.read()
        self._answer = answer

    def _once(self, request: Any) -> httpx.Response:
        self._answer = None
        with rest_errors(self._refused):
            request.execute()
        if self._answer is None:
            raise RuntimeError("supabase-py answered without a request")
        if not self._answer.is_success:
            self._judge(self._answer, request.request.path.name)
        return self._answer

    def _judge(self, answer: httpx.Response, name: str) -> None:
        """Raises TransientFailure or ProjectDenied for an answer that is an error. `name`: of the table or function."""
        said = _error(answer)
        code, message = (self._shown(said.get(part)) for part in ("code", "message"))
        cause = f"{answer.status_code}" + (f" ({': '.join(filter(None, (code, message)))})" if code or message else "")
        if answer.status_code in _LATER or answer.status_code >= 500:
            raise TransientFailure(cause, code=code, retry_after=retry_after(answer.headers))
        raise self._refusal(answer.status_code, code, cause, name)

    def _refusal(self, status: int, code: str, cause: str, name: str) -> ProjectDenied:
        host, schema = self.project.host, self.project.schema
        if code == NO_RIGHT:
            return self._refused(
                f"The key's role may not use {schema}.{name}: {cause}", "docs/supabase.sql has the grants", code
            )
        if status in (401, 403):
            setting = "SUPABASE_KEY" if self._key == self.project.key else "SUPABASE_PUBLISH_KEY"
            fix = (
                f"Copy {setting} anew; beside a token for a role of your own, SUPABASE_APIKEY is the project's anon key"
            )
            return self._refused(f"{host} refuses the key: {cause}", fix, code)
        if code == _NO_SCHEMA:
            fix = "Check SUPABASE_SCHEMA, or add the schema to those that the project's API settings expose"
            return self._refused(f"{host} has no schema {schema} for us: {cause}", fix, code)
        if code in _NO_TABLE or code == NO_FUNCTION:
            return self._refused(
                f"{host} has no {schema}.{name}: {cause}", "Check SUPABASE_TABLE and SUPABASE_SCHEMA", code
            )
        if status in (301, 302, 303, 307, 308, 404):
            return self._refused(
                f"{host} has no REST API there: {cause}", "Check SUPABASE_URL: https://<project>.supabase.co", code
            )
        return self._refused(
            f"{host} refuses the request: {cause}", "`pikkit doctor` checks the table and the key", code
        )

    def _refused(self, what: str, next_step: str, code: str = "") -> ProjectDenied:
        return ProjectDenied(
            what,
            "Nothing was changed, and it was asked only once, since asking again would not help",
            next_step,
            code=code,
        )

    def _shown(self, said: object) -> str:
        """What a server says as one line of bounded length, without a key if it should repeat one."""
        text = str(said or "")
        for secret in filter(None, (self._key, self.project.apikey)):
            text = text.replace(secret, "(the key)")
        text = " ".join(text.split())
        return text if len(text) <= _LONGEST_WORDS else f"{text[:_LONGEST_WORDS]} ..."


@contextmanager
def opened(project: SupabaseProject, key: str, patience: timedelta, tell_wait: Callable[[str], None]) -> Iterator[Rest]:
    """The REST API with this key. `tell_wait` is called before each wait (retry.py)."""
    rest = Rest(project, key, patience, tell_wait)
    try:
        yield rest
    finally:
        rest.close()


def rows_of_answer(answer: httpx.Response) -> Rows:
    """The rows of an answer. Raises TransientFailure if it is not a list of objects, as long as it claims to be."""
    if "html" in answer.headers.get("Content-Type", ""):
        raise TransientFailure("a web page instead of rows")
    try:
        texts, records = _elements(answer.content.decode())
    except (ValueError, RecursionError):
        raise TransientFailure(f"JSON that breaks off or is none ({len(answer.content):,} bytes)") from None
    said = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    if said is None:
        raise TransientFailure("rows without saying how many")
    first, last, total = said.groups()
    claimed = int(last) - int(first) + 1 if last else 0
    if total == "*" and "count=exact" in answer.request.headers.get("Prefer", ""):
        raise TransientFailure("no count where one was asked for")
    if claimed != len(records):
        raise TransientFailure(f"{len(records):,} rows that claim to be {claimed:,}")
    if not records and total not in ("*", "0"):
        raise TransientFailure(f"no rows where it says there are {int(total):,}")
    return Rows(texts, records, None if total == "*" else int(total))


def _elements(text: str) -> tuple[list[str], list[dict[str, Any]]]:
    """The elements of a JSON array of objects, as they are spelled and read. Raises ValueError on anything else."""
    texts, records = [], []
    text = text.strip(" \t\r\n")
    if not (text.startswith("[") and text.endswith("]")):
        raise ValueError("not an array")
    at, end = _gap(text, 1), len(text) - 1
    while at < end:
        record, stop = _decode(text, at)
        if type(record) is not dict:
            raise ValueError("not an object")
        texts.append(text[at:stop])
        records.append(record)
        at = _gap(text, stop)
    return texts, records


def _gap(text: str, at: int) -> int:
    match = _BETWEEN.match(text, at)
    return match.end() if match else at


def _error(answer: httpx.Response) -> dict[str, Any]:
    try:
        said = answer.json()
    except (ValueError, RecursionError):
        return {"message": "a web page" if "html" in answer.headers.get("Content-Type", "") else ""}
    return said if isinstance(said, dict) else {}


@contextmanager
def rest_errors(refused: Callable[[str, str], ProjectDenied]) -> Iterator[None]:
    """Raise what httpx makes of a request that brought no answer as TransientFailure, or as what `refused` makes.

    An answer that supabase-py does not like is no error here: it is judged by what it holds.
    """
    import httpx
    from postgrest import APIError

    try:
        yield
    except (APIError, ValueError, TypeError, RecursionError):
        return
    except httpx.ReadTimeout:
        raise TransientFailure(f"no answer within {TIMEOUT:g} s", code=NO_ANSWER) from None
    except httpx.TimeoutException:
        raise TransientFailure(f"no answer within {TIMEOUT:g} s") from None
    except (httpx.LocalProtocolError, httpx.UnsupportedProtocol):
        # Their text may hold the header with the key.
        what = "The key or the address cannot be sent as HTTP"
        raise refused(what, "Check SUPABASE_URL and SUPABASE_KEY") from None
    except httpx.ConnectError as error:
        raise TransientFailure(f"no connection ({error})") from None
    except (httpx.TransportError, httpx.DecodingError) as error:
        raise TransientFailure(f"a connection that broke ({type(error).__name__})") from None


@cache
def _tls_context() -> ssl.SSLContext:
    """Whom HTTPS trusts. Reading the certificates takes longer than a request, so one context does for all clients."""
    import httpx

    return httpx.create_ssl_context()


def _client(project: SupabaseProject, key: str, http: httpx.Client) -> Client:
    # Takes 0.4 s to import.
    from supabase import create_client
    from supabase.lib.client_options import SyncClientOptions

    options = SyncClientOptions(
        schema=project.schema,
        # The role that Postgres works as. The gateway in front knows the project's own keys only, in another header.
        headers={"Authorization": f"Bearer {key}"},
        httpx_client=http,
        postgrest_client_retry=False,
        auto_refresh_token=False,
        persist_session=False,
    )
    return create_client(project.url, project.apikey or key, options)
