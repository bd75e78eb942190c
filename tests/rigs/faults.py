"""What can go wrong between PostgREST and us: functions from the true answer to the one that the client gets.

In all of them the server has carried the request out, also where the answer says otherwise: the worst case for a write.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

HTML = b"<html><head><title>Bad gateway</title></head><body>cloudflare</body></html>"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer. `cut` is the number of bytes of the body after which the connection closes (-1: before any)."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: int | None = None
    chunked: bool = False


Fault = Callable[[Answer], Answer]


def dropped(answer: Answer) -> Answer:
    """The connection closes without an answer."""
    return replace(answer, cut=-1)


def cut_short(answer: Answer) -> Answer:
    """The Content-Length is right, the connection closes halfway."""
    return replace(answer, cut=len(answer.body) // 2)


def closed_mid_body(answer: Answer) -> Answer:
    """A chunked body whose connection closes before the last chunk."""
    return replace(answer, chunked=True, cut=len(answer.body) // 2)


def half_a_body(answer: Answer) -> Answer:
    """Half the body, with a Content-Length that fits the half."""
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def rows_left_out(answer: Answer) -> Answer:
    """Sound JSON, every third row taken out of it, all else as it was."""
    rows = _rows(answer)
    return replace(answer, body=json.dumps([row for at, row in enumerate(rows) if at % 3 != 1]).encode())


def nothing(answer: Answer) -> Answer:
    """An empty list under the Content-Range of the full one."""
    return replace(answer, body=b"[]")


def last_rows_left_out(answer: Answer) -> Answer:
    """The first half of the rows with the Content-Range that fits them: only a total can tell."""
    if answer.status >= 300:  # there are no rows in it
        return answer
    rows = _rows(answer)[: len(_rows(answer)) // 2]
    total = answer.headers.get("Content-Range", "*/*").partition("/")[2]
    span = f"0-{len(rows) - 1}" if rows else "*"
    headers = {**answer.headers, "Content-Range": f"{span}/{total}"}
    return replace(answer, body=json.dumps(rows).encode(), headers=headers)


def web_page(answer: Answer) -> Answer:
    """HTML with status 200, as a captive portal or a pausing project sends it."""
    return replace(answer, body=HTML, headers={"Content-Type": "text/html"}, status=200)


def bad_gateway(answer: Answer) -> Answer:
    return replace(web_page(answer), status=502)


def server_error(answer: Answer) -> Answer:
    return _says(answer, 500, {"message": "canceling statement", "code": "XX000"})


def unavailable(answer: Answer) -> Answer:
    return _says(
        answer, 503, {"message": "Could not query the database for the schema cache. Retrying.", "code": "PGRST002"}
    )


def statement_timeout(answer: Answer) -> Answer:
    return _says(answer, 500, {"message": "canceling statement due to statement timeout", "code": "57014"})


def too_many(retry_after: str | None = None) -> Fault:
    """429, with this in Retry-After."""

    def too_many_requests(answer: Answer) -> Answer:
        headers = {"Retry-After": retry_after} if retry_after is not None else {}
        return _says(answer, 429, {"message": "Too many requests"}, headers)

    return too_many_requests


# All that a retry gets over, none of which takes time.
PASSING: tuple[Fault, ...] = (
    dropped,
    cut_short,
    closed_mid_body,
    half_a_body,
    rows_left_out,
    nothing,
    web_page,
    bad_gateway,
    server_error,
    unavailable,
    statement_timeout,
    too_many(),
)


def _rows(answer: Answer) -> list[object]:
    try:
        found = json.loads(answer.body)
    except ValueError:
        return []
    return found if isinstance(found, list) else []


def _says(answer: Answer, status: int, error: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answer:
    body = json.dumps({"details": None, "hint": None, **error}).encode()
    return replace(answer, status=status, body=body, headers={"Content-Type": "application/json", **(headers or {})})
