"""Retries of a request that met a transient failure: exponential backoff with full jitter, within the patience of the
caller, and no sooner than the server wants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, NoReturn, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from feature_repo.clock import as_utc
from feature_repo.errors import Unreachable

# Seconds. The first wait is drawn between 0 and this, and each further one between 0 and twice as much.
FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 25.0

_T = TypeVar("_T")


class TransientFailure(Exception):
    """An attempt that failed and may succeed when it is made again.

    `cause` is what messages say of it, and holds no secret. `code` is the server's own code, empty without one.
    `retry_after` is for how many seconds the server wants to be left alone; null where it does not say.
    """

    def __init__(self, cause: str, *, code: str = "", retry_after: float | None = None) -> None:
        super().__init__(cause)
        self.cause, self.code, self.retry_after = cause, code, retry_after


def retry_transient(
    attempt: Callable[[], _T], *, host: str, patience: timedelta, tell_wait: Callable[[str], None]
) -> _T:
    """What `attempt` returns, or raises other than TransientFailure, the first time that it does.

    `patience` runs from the first call on. `tell_wait` is called before each wait with a text such as
    "4 s: 503 from <host>". Raises Unreachable when patience is used up, or would be before the server wants to be asked
    again.
    """
    limit = patience.total_seconds()
    jitter = wait_random_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT)

    def left(state: RetryCallState) -> float:
        return limit - (state.seconds_since_start or 0.0)

    def wait(state: RetryCallState) -> float:
        # The last attempt is made when patience ends, and not given up because a wait was drawn long.
        drawn = min(jitter(state), max(left(state), 0.0))
        return max(drawn, _failure(state).retry_after or 0.0)

    def stop(state: RetryCallState) -> bool:
        return left(state) <= 0 or (_failure(state).retry_after or 0.0) > left(state)

    def tell(state: RetryCallState) -> None:
        tell_wait(f"{round(state.upcoming_sleep, 1):g} s: {_failure(state).cause} from {host}")

    def give_up(state: RetryCallState) -> NoReturn:
        raise _unreachable(_failure(state), state, host, limit) from None

    retrying = Retrying(
        retry=retry_if_exception_type(TransientFailure),
        wait=wait,
        stop=stop,
        before_sleep=tell,
        retry_error_callback=give_up,
    )
    return retrying(attempt)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that a server wants to be left alone for (`Retry-After`, as seconds or as a date); null if unsaid."""
    said = headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return float(said)
    try:
        then = as_utc(parsedate_to_datetime(said))
        # By the server's own clock, where it tells it: ours may differ.
        answered_at = as_utc(parsedate_to_datetime(headers["Date"])) if "Date" in headers else datetime.now(UTC)
    except (ValueError, OverflowError):
        return None
    return max((then - answered_at).total_seconds(), 0.0)


def _failure(state: RetryCallState) -> TransientFailure:
    failure = state.outcome.exception() if state.outcome else None
    if not isinstance(failure, TransientFailure):
        raise TypeError(f"retried for {failure!r}")
    return failure


def _unreachable(failure: TransientFailure, state: RetryCallState, host: str, limit: float) -> Unreachable:
    attempts = f"{state.attempt_number} attempt{'s' if state.attempt_number > 1 else ''}"
    what = f"{host} did not give what it was asked for in {attempts}; the last time: {failure.cause}"
    if failure.retry_after and failure.retry_after > limit - (state.seconds_since_start or 0.0):
        what += (
            f". It wants to be asked again after {failure.retry_after:g} s, which is past our patience of {limit:g} s"
        )
    return Unreachable(
        what,
        "Nothing was changed here",
        "The next run does its work; SOURCE_PATIENCE_SECONDS says for how long a request is retried",
        service=host,
    )
