"""Errors of Redis in our words: one error, whatever went wrong, with the address and without a secret."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import redis
from feast.errors import FeastError
from google.protobuf.message import DecodeError
from redis import exceptions

from feature_repo.errors import Unreachable
from feature_repo.feast_internals import feast_redis_settings
from feature_repo.online_store.client import TIMEOUTS, address, secrets

# RedisClusterException is no RedisError.
_TROUBLE: Final = (redis.RedisError, exceptions.RedisClusterException, DecodeError, OSError)
_LOOK: Final = "Start it, or name another in REDIS_URL; `pikkit doctor` tells more"
_LOGIN: Final = "Check user, password and rights in REDIS_URL; `pikkit doctor` tells more"
_ANSWERED: Final = (
    "`pikkit materialize --rebuild` writes everything anew, also over keys of another type; `pikkit doctor` tells of "
    "rights and memory"
)
_REBUILD: Final = "`pikkit materialize --rebuild` fills it anew from Postgres"


class FeastOnlineStoreUnavailable(Unreachable, redis.RedisError, FeastError):
    """Unreachable as Feast must see it: what catches redis-py's errors catches it, and `feast serve` answers 503.

    `has_answered`: whether Redis answered, with an error. Otherwise there is trouble on the way to it. By it the next
    step is chosen; it is no part of `data()`.
    """

    def __init__(
        self, what: str, state: str, next_step: str, has_answered: bool = False, *, service: str = "Redis"
    ) -> None:
        super().__init__(what, state, next_step, service=service)
        self.has_answered = has_answered

    def http_status_code(self) -> int:
        """Not the fault of the request; another try may succeed."""
        return 503


@contextmanager
def redis_errors(store: Any, state: str = "Nothing was read") -> Iterator[None]:
    """Raise FeastOnlineStoreUnavailable for whatever Redis, or what is written there, makes fail.

    `store` is the configuration of the online store. `state` says what things are in then; where these contexts stand
    in one another, that of the outermost counts, which knows what of the whole is left undone.
    """
    try:
        yield
    except FeastOnlineStoreUnavailable as error:
        error.state = state
        raise
    except Exception as error:
        if not (isinstance(error, _TROUBLE) or _is_of_glide(error)):
            raise
        # The cause is not chained: a traceback would show what the client says, and that is not ours to vouch for.
        what, next_step = _reason(store, error)
        raise FeastOnlineStoreUnavailable(
            f"Redis at {address(store)} {what}", state, next_step, _is_an_answer(error)
        ) from None


def _reason(store: Any, error: Exception) -> tuple[str, str]:
    """What happened, and what to do, for a failure of the client."""
    text = _masked(str(error), store)
    if isinstance(error, DecodeError):
        return "holds something else than Feast writes", f"If nothing else writes there: {_REBUILD}"
    if _is_of_glide(error) and type(error).__name__ == "TimeoutError":
        return "did not answer in time", _LOOK
    if isinstance(error, redis.TimeoutError | TimeoutError):
        return f"did not answer within {_timeout_seconds(store, text)} s", _LOOK
    if isinstance(error, exceptions.AuthenticationError | exceptions.NoPermissionError) or _is_login(error, text):
        return f"refuses the login ({text})", _LOGIN
    if isinstance(error, exceptions.BusyLoadingError):
        return "is still reading its data", "Wait until it is done"
    if _is_an_answer(error):
        return f"answered with an error ({text})", _ANSWERED
    return f"cannot be reached ({text.strip()})", _LOOK


def _is_an_answer(error: Exception) -> bool:
    return isinstance(error, redis.ResponseError) or (_is_of_glide(error) and type(error).__name__ == "RequestError")


def _is_login(error: Exception, text: str) -> bool:
    # These two give nothing but the server's text: no class, no code.
    tells_by_text = _is_of_glide(error) or isinstance(error, exceptions.RedisClusterException)
    return tells_by_text and any(refusal in text for refusal in ("NOAUTH", "WRONGPASS", "NOPERM"))


def _is_of_glide(error: Exception) -> bool:
    """Whether it comes from the client of `client: glide`, which need not be installed."""
    return type(error).__module__.startswith("glide")


def _timeout_seconds(store: Any, text: str) -> float:
    # redis-py has one class for both; only its text says which of the two it was.
    name = "socket_connect_timeout" if "connect" in text.lower() else "socket_timeout"
    _, options = feast_redis_settings(store.connection_string)
    return float(options.get(name) or TIMEOUTS[name])


def _masked(text: str, store: Any) -> str:
    for secret in secrets(store):
        text = text.replace(secret, "***")
    return text
