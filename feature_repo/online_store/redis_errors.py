"""Trouble of Redis in our words: one error, whatever went wrong, with the address and without a secret."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import redis
from feast.errors import FeastError
from google.protobuf.message import DecodeError
from redis import exceptions

from feature_repo import errors
from feature_repo.feast_internals import feast_redis_settings
from feature_repo.online_store.client import TIMEOUTS, address, secrets

# RedisClusterException is no RedisError.
_TROUBLE: Final = (redis.RedisError, exceptions.RedisClusterException, DecodeError, OSError)
_REFUSALS: Final = ("NOAUTH", "WRONGPASS", "NOPERM", "Authentication required", "invalid username-password")
_LOOK: Final = "Start it, or name another in REDIS_URL; `pikkit doctor` tells more"
_LOGIN: Final = "Check user, password and rights in REDIS_URL; `pikkit doctor` tells more"
_REBUILD: Final = "`pikkit materialize --rebuild` fills it anew from Postgres"


class FeastOnlineStoreUnavailable(errors.Unreachable, redis.RedisError, FeastError):
    """What is raised: whoever catches redis-py's errors catches it too, and `feast serve` answers 503."""

    def http_status_code(self) -> int:
        """Not the fault of the request; another try may succeed."""
        return 503


@contextmanager
def translated_redis_errors(store: Any, state: str = "Nothing was read") -> Iterator[None]:
    """Raise Unreachable for whatever Redis, or what is written there, makes fail. `state`: what things are
    in then. `store` is the configuration of the online store.
    """
    try:
        yield
    except FeastOnlineStoreUnavailable:
        raise
    except Exception as error:
        if not (isinstance(error, _TROUBLE) or _is_of_glide(error)):
            raise
        # The cause is not chained: a traceback would show what the client says, and that is not ours to vouch for.
        raise unavailable(store, error, state) from None


def unavailable(store: Any, error: Exception, state: str) -> FeastOnlineStoreUnavailable:
    """The error for a failure of the client."""
    what, next_step = _reason(store, error)
    return FeastOnlineStoreUnavailable(f"Redis at {address(store)} {what}", state, next_step, service="Redis")


def _reason(store: Any, error: Exception) -> tuple[str, str]:
    text = _masked(str(error), store)
    if isinstance(error, DecodeError):
        return "holds something else than Feast writes", f"If nothing else writes there: {_REBUILD}"
    if _is_of_glide(error) and type(error).__name__ == "TimeoutError":
        return "did not answer in time", _LOOK
    if isinstance(error, redis.TimeoutError | TimeoutError):
        return f"did not answer within {_patience(store, text)} s", _LOOK
    if isinstance(error, exceptions.AuthenticationError | exceptions.NoPermissionError) or _is_login(text):
        return f"refuses the login ({text})", _LOGIN
    if isinstance(error, exceptions.BusyLoadingError):
        return "is still reading its data", "Wait until it is done"
    if isinstance(error, redis.ResponseError) or text.startswith("WRONGTYPE"):
        return f"answered with an error ({text})", "`pikkit doctor` tells more"
    return f"cannot be reached ({text.strip()})", _LOOK


def _is_login(text: str) -> bool:
    return any(refusal in text for refusal in _REFUSALS)


def _is_of_glide(error: Exception) -> bool:
    """Whether it comes from the client of `client: glide`, which need not be installed."""
    return type(error).__module__.startswith("glide")


def _patience(store: Any, text: str) -> float:
    name = "socket_connect_timeout" if "connect" in text.lower() else "socket_timeout"
    _, given = feast_redis_settings(store.connection_string)
    return float(given.get(name) or TIMEOUTS[name])


def _masked(text: str, store: Any) -> str:
    for secret in secrets(store):
        text = text.replace(secret, "***")
    return text
