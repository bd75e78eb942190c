"""The datasets of an export: which rows, with which columns, in which directories.

bets/           the newest version of each bet that exists
bet_versions/   the log: every accepted version, tombstones and superseded ones too. It lacks is_current, which later
                versions change, so that a file of it changes only when versions are added to its partition
raw/            what the sources sent, verbatim
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, LiteralString

import polars as pl

from ingestion.serving.export.partition_names import month_directory, sport_directory
from quality.evidence import INSTANT_TYPE

# Money in integer cents, times in microseconds of UTC.
_BET: Final[dict[str, pl.DataType]] = {
    "seq": pl.Int64(),
    "id": pl.String(),
    "bet_type": pl.String(),
    "status": pl.String(),
    "odds": pl.Float64(),
    "american_odds": pl.Int32(),
    "amount_cents": pl.Int64(),
    "profit_cents": pl.Int64(),
    "roi": pl.Float64(),
    "clv_percentage": pl.Float64(),
    "clv_ev": pl.Float64(),
    "clv_current_odds": pl.Float64(),
    "sport": pl.String(),
    "league": pl.String(),
    "market": pl.String(),
    "institution_name": pl.String(),
    "is_live": pl.Boolean(),
    "is_settled": pl.Boolean(),
    "is_win": pl.Boolean(),
    "created_at": INSTANT_TYPE,
    "updated_at": INSTANT_TYPE,
    "time_placed": INSTANT_TYPE,
    "settled_at": INSTANT_TYPE,
    "known_at": INSTANT_TYPE,
}
_LOG: Final[dict[str, pl.DataType]] = {
    "previous_seq": pl.Int64(),
    "is_deleted": pl.Boolean(),
    "is_superseded": pl.Boolean(),
}
_RAW: Final[dict[str, pl.DataType]] = {
    "seq": pl.Int64(),
    "batch_id": pl.String(),
    "id": pl.String(),
    "updated_at": INSTANT_TYPE,
    "known_at": INSTANT_TYPE,
    "content_hash": pl.Binary(),
    "returns_after": pl.Int64(),
    "payload": pl.String(),
    "source": pl.String(),
    "received_at": INSTANT_TYPE,
}


@dataclass(frozen=True)
class Dataset:
    """One of them. The three statements have the headers of `ingestion/sql/export/export_*.sql`."""

    name: str
    schema: dict[str, pl.DataType]
    log_position: LiteralString
    changed: LiteralString
    rows: LiteralString
    by_sport: bool
    month: str

    def file(self, sport: str | None, month: str | None) -> str:
        """The path of a partition's file below the root."""
        sports = [sport_directory(sport)] if self.by_sport else []
        return "/".join((self.name, *sports, month_directory(self.month, month), "bets.parquet"))

    def has(self, file: str) -> bool:
        """Whether a path below the root is one that this dataset may write."""
        sports = ["sport_key"] if self.by_sport else []
        shape = [self.name, *sports, self.month, "bets.parquet"]
        return [name.partition("=")[0] for name in file.split("/")] == shape


BETS: Final = Dataset(
    "bets", _BET, "export_log_position", "export_changed_bets", "export_bets", by_sport=True, month="placed_month"
)
BET_VERSIONS: Final = Dataset(
    "bet_versions",
    _BET | _LOG,
    "export_log_position",
    "export_changed_bet_versions",
    "export_bet_versions",
    by_sport=True,
    month="placed_month",
)
RAW: Final = Dataset(
    "raw", _RAW, "export_raw_log_position", "export_changed_raw", "export_raw", by_sport=False, month="received_month"
)
DATASETS: Final = (BETS, BET_VERSIONS, RAW)
