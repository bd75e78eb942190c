"""Every metric that is told of a store: name, kind, labels, meaning. docs/monitoring.md lists the same.

Names follow Prometheus: base units, `_total` for what only counts up. No metric is an age: a value that is written to a
file once an hour would stand still when the pipeline does, and `time() - <timestamp>` does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True)
class Metric:
    """One metric."""

    name: str
    #: A gauge is how things are, a counter only counts up.
    kind: Literal["gauge", "counter"]
    labels: tuple[str, ...]
    #: One sentence: what it is, and the unit where the name has none.
    meaning: str


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(f"pikkit_{name}", "gauge", labels, meaning)


def _counter(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(f"pikkit_{name}", "counter", labels, meaning)


# In the order in which they are printed.
METRICS: Final = (
    _gauge("postgres_up", "Whether Postgres answered: 1 or 0."),
    _gauge("redis_up", "Whether Redis answered: 1 or 0."),
    _gauge("measured_timestamp_seconds", "When all of this was measured."),
    _gauge("build_info", "Always 1; the label is the version of this code.", "version"),
    # ---- runs
    _counter("runs_total", "Runs that ended, by verb and how they ended.", "verb", "state"),
    _gauge("run_in_progress", "Whether somebody holds the run lock: 1 or 0."),
    _gauge("last_run_timestamp_seconds", "When the last run of the verb ended, however it ended.", "verb"),
    _gauge("last_success_timestamp_seconds", "When the last run of the verb ended well.", "verb"),
    _gauge("run_duration_seconds", "How long the last run of the verb took.", "verb"),
    _gauge("step_duration_seconds", "How long each step of the last run of the verb took.", "verb", "step"),
    # ---- rows
    _counter("rows_total", "Rows of all syncs that were committed, by what became of them.", "outcome"),
    _gauge("last_sync_rows", "Rows of the last sync that was committed, by what became of them.", "outcome"),
    _gauge("validation_pass_ratio", "Share of the new rows that the schema accepted, in the last sync that had any."),
    _gauge("quarantine_open_rows", "Refused rows that nobody has settled."),
    _gauge("store_rows", "Rows of the tables of the store.", "table"),
    # ---- quality
    _gauge("batch_rows", "Bets of the last batch that had any."),
    _gauge("anomaly_ratio", "Flags of the severity for each bet of that batch.", "severity"),
    _gauge("feature_completeness_ratio", "Share of known values in the view that knows least, as last judged."),
    _gauge("drifted_features", "Features that the last judgement found to have drifted."),
    _gauge("gate_checks", "Checks of the last judgement, by their state.", "state"),
    _gauge("gate_state", "1 for what became of the last judged refresh, 0 for the others.", "state"),
    _gauge("alerts_open", "Alerts that have not cleared.", "severity"),
    # ---- freshness
    _gauge("data_known_timestamp_seconds", "When the newest version in the log became known."),
    _gauge("features_timestamp_seconds", "The features watermark."),
    _gauge("log_backlog_versions", "Versions of the log that the features have not followed yet."),
    _gauge("view_timestamp_seconds", "The refresh that the view's rows are as of.", "view", "store"),
    _gauge("view_ttl_seconds", "How long the pipeline may be silent before the view's values are null.", "view"),
    _gauge("view_healthy", "Whether `pikkit status` calls the view's rows fresh: 1 or 0.", "view", "store"),
    _gauge("view_keys", "Keys that the view can be asked for.", "view"),
    _gauge("view_change_rows", "Change rows of the view.", "view"),
    _gauge("online_backlog_runs", "Runs whose rows the online copy of the view lacks.", "view"),
    _gauge("stream_last_success_timestamp_seconds", "When the table was last synced.", "stream"),
    _gauge("stream_failures", "Syncs of the table that failed since then.", "stream"),
    # ---- storage
    _gauge("storage_bytes", "Bytes of the tables of the schema, with their indexes.", "schema"),
    _gauge("redis_memory_bytes", "Memory that the Redis server uses, for whomever."),
    _gauge("redis_keys", "Keys in the store's database of Redis."),
)
METRIC_BY_NAME: Final = {metric.name: metric for metric in METRICS}
