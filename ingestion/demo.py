"""The parts of `pikkit demo` that only the demo has: its sample, the check that it harms nobody, and what it shows."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.rows import dict_row

from feature_repo.errors import ConfigurationError
from feature_repo.group_keys import entity_frame
from feature_repo.servers.connections import Connections
from ingestion.database.access import statement
from ingestion.database.migrate import table_exists
from ingestion.sample.sample import generate_sample, write_sample
from ingestion.sources.files.file_source import FileSource, open_file

if TYPE_CHECKING:
    import pandas as pd

    from ingestion.settings import Settings

SEED: Final = 7
_FILE: Final = "demo-sample.parquet"
_STREAM: Final = f"file:{_FILE}"
TRAINING_SERVICE: Final = "market_profitability_v1"


def check_demo_settings(settings: Settings) -> None:
    """Raise ConfigurationError when the stores are not the embedded ones: the demo fills no store of somebody else."""
    if settings.external is not None:
        raise ConfigurationError(
            "The demo runs on private servers, and POSTGRES_* and REDIS_URL name others",
            "Nothing was done",
            "Unset them for the demo; to use those, `pikkit migrate`, `pikkit apply`, `pikkit run --source FILE`",
        )


def check_store(connection: psycopg.Connection, home: Path) -> None:
    """Raise ConfigurationError when the store holds bets that are not those of the demo's sample under `home`."""
    path = _sample_path(home)
    own = _STREAM if path.exists() else ""
    with connection.transaction():
        is_migrated = table_exists(connection, "ops.sync_state")
        rows = connection.execute(statement("foreign_streams"), {"own": own}).fetchall() if is_migrated else []
    if rows:
        lost = f" without {path}" if rows == [(_STREAM,)] else ""
        raise ConfigurationError(
            f"The store already holds bets of {', '.join(stream for (stream,) in rows)}{lost}",
            "The demo has left them alone",
            "Give it a directory of its own: `PIKKIT_HOME=.pikkit-demo pikkit demo`",
        )


def demo_source(home: Path, bets: int, now: datetime) -> tuple[FileSource, bool]:
    """The demo's sample under `home`, and whether it was made just now. A second demo finds the first one's."""
    path = _sample_path(home)
    missing = not path.exists()
    if missing:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_sample(generate_sample(bets, now, SEED), path)
        path.chmod(0o600)
    return open_file(path), missing


def newest_bets(connection: psycopg.Connection, *, settled: bool, bets: int) -> list[dict[str, Any]]:
    """The columns that features need of the bets placed last, settled ones or open ones, newest first."""
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement("newest_bets"), {"settled": settled, "bets": bets}).fetchall()


def training_frame(connections: Connections, bets: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """A row for each bet: bet_id, profit (null while open), event_timestamp, and the features of TRAINING_SERVICE.

    `bets` are rows of `newest_bets`. The features are as of the instant at which the bet was placed.
    """
    import pandas as pd

    from feature_repo.store import store_at

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        store = store_at(connections)
        service = store.get_feature_service(TRAINING_SERVICE)
        frame = store.get_historical_features(entity_frame(bets), service).to_df()
    profit = pd.DataFrame({"bet_id": [bet["id"] for bet in bets], "profit": [bet["profit"] for bet in bets]})
    frame["event_timestamp"] = pd.to_datetime(frame["event_timestamp"], utc=True)  # Feast gives it back naive
    joined: pd.DataFrame = profit.merge(frame, on="bet_id", how="left", validate="one_to_one")
    return joined


def _sample_path(home: Path) -> Path:
    return home / "demo" / _FILE
