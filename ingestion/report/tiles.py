"""The figures on top of the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from feature_repo.errors import Unreachable
from ingestion.report.charts import ChartTone
from ingestion.report.contents import ReportContents
from ingestion.report.run_charts import duration, intakes, run_state, tone_of
from ingestion.wording import counted, cut, data_size, percent


@dataclass(frozen=True)
class Tile:
    """One figure on top of the page: what it is, the figure, what it rests on, and how good that is."""

    label: str
    figure: str
    note: str
    tone: ChartTone


def tiles(contents: ReportContents) -> list[Tile]:
    """The figures on top of the page; none where the store is not migrated."""
    stored = contents.status.contents
    if stored is None:
        return []
    fresh = sum(view.offline.state == view.online.state == "fresh" for view in stored.views)
    all_fresh: ChartTone = "good" if fresh == len(stored.views) else "bad"
    alerts: ChartTone = "bad" if stored.alerts else "good"
    causes = cut("; ".join(alert.cause for alert in stored.alerts), 80) or "nothing calls for anybody"
    return [
        Tile("Views fresh", f"{fresh} of {len(stored.views)}", "offline and online, within their TTL", all_fresh),
        Tile("Open alerts", f"{len(stored.alerts):,}", causes, alerts),
        _last_run_tile(contents),
        _gate_tile(contents),
        _pass_rate_tile(contents),
        _quarantine_tile(stored.rows),
        _drift_tile(contents),
        _storage_tile(contents),
    ]


def _last_run_tile(contents: ReportContents) -> Tile:
    if not contents.runs or contents.status.contents is None or contents.status.contents.last_run is None:
        return Tile("Last run", "none yet", "the first is due", "neutral")
    run = contents.runs[-1]
    # That of a process that is gone is known to the status only.
    state = contents.status.contents.last_run.state if run.state == "running" else run_state(run)
    took = f", took {duration(run.seconds)}" if run.seconds is not None else ""
    about = f"{run.verb} {contents.short_run_ids[run.run_id]}, {run.now:%Y-%m-%d %H:%M}{took}"
    return Tile("Last run", state, about, tone_of(state))


def _gate_tile(contents: ReportContents) -> Tile:
    if contents.verdicts is None:
        return Tile("Last gate", "none yet", "no refresh was judged", "neutral")
    tally, state = contents.verdicts.tally, contents.verdicts.gate.state
    note = f"{tally.judged} of {tally.checks} checks judged, {tally.failed} failed, {tally.warned} warned"
    return Tile("Last gate", state, note, tone_of(state))


def _pass_rate_tile(contents: ReportContents) -> Tile:
    with_new_rows = [intake for intake in intakes(contents.runs) if intake.pass_rate is not None]
    if not with_new_rows:
        return Tile("Pass rate", "no rows yet", "share of new rows that are sound", "neutral")
    newest = with_new_rows[-1]
    rate = newest.pass_rate or 0.0
    note = f"{newest.accepted:,} accepted, {newest.quarantined:,} quarantined in the newest load"
    return Tile("Pass rate", percent(rate), note, "good" if not newest.quarantined else "warning")


def _quarantine_tile(rows: Mapping[str, int]) -> Tile:
    open_rows, refused = rows["quarantine.bets, open"], rows["quarantine.bets"]
    note = f"{refused:,} rows were refused in all"
    return Tile("Quarantine", f"{open_rows:,} open", note, "warning" if open_rows else "good")


def _drift_tile(contents: ReportContents) -> Tile:
    rows = contents.verdicts.drift if contents.verdicts else []
    if not rows:
        return Tile("Drift", "not compared", "the first refresh has nothing before it", "neutral")
    drifted = sum(row.has_drifted for row in rows)
    note = "features, against the last accepted refresh"
    return Tile("Drift", f"{drifted} of {len(rows)}", note, "warning" if drifted else "good")


def _storage_tile(contents: ReportContents) -> Tile:
    online = contents.status.online
    if isinstance(online, Unreachable):
        redis = "Redis does not answer"
    else:
        redis = f"Redis {'-' if online.bytes is None else data_size(online.bytes)}, {counted(online.keys, 'key')}"
    return Tile("Storage", data_size(sum(contents.status.bytes.values())), f"in Postgres; {redis}", "neutral")
