"""Every place of the store where a bet can stand, by its id or in words, and what is done there when it is forgotten.

A test holds this against the schema: each column that can hold text is in one of these, so that a table that comes
later cannot be left out.
"""

from __future__ import annotations

from typing import Final

#: Tables with a row per bet, or several: the column of its id. These rows go.
ROWS_BY_ID: Final = {
    "quarantine.bets": "id",
    "raw.shown_bets": "id",
    "features.bet_facts_changes": "bet_id",
    "features.bet_closing_line_changes": "bet_id",
    "ops.anomalies": "id",
    "ops.served_vectors": "bet_id",
}
#: Tables with a row per version, which the number of the version names. These rows go.
ROWS_BY_SEQ: Final = {"ops.rewound_versions": "seq", "ops.anomalies": "seq", "quarantine.bets": "seq"}
#: Columns of prose and of JSON that may name a bet, by their table: the name is struck out.
TEXTS: Final = {
    "ops.runs": ("counts", "error"),
    "ops.run_steps": ("counts",),
    "ops.gates": ("reason",),
    "ops.gate_results": ("note", "query"),
    "ops.alerts": ("cause", "message", "notice"),
    "ops.shifts": ("description",),
    "ops.anomalies": ("description",),
    "ops.lineage_events": ("event",),
    "ops.metrics": ("labels",),
    "ops.served_vectors": ("entities",),
    "ops.audits": ("sentence", "checks"),
    "quarantine.bets": ("note",),
}
#: What has a way of its own (erasure.py): the log and its payloads, ids within lists, and what this package writes.
OWN_WAYS: Final = {
    "raw.bet_versions": ("id", "content_hash", "payload", "source", "user_digest"),
    "processed.bet_versions": ("id", "bet_type", "status", "sport", "league", "market", "institution_name"),
    "features.group_state": ("recent",),
    "ops.gate_results": ("examples",),
    "ops.sync_state": ("cursor_id",),
    "ops.digest_key": ("key",),
    "ops.forgotten": ("digest", "kind"),
    "ops.forget_receipts": ("kind", "code_version"),
    "ops.forget_places": ("place", "note"),
    "ops.forget_pending": ("bet_id",),
    "ops.written_files": ("place", "kind"),
}
#: Columns that hold names of groups, of features, of gates, of tables and the like: no bet, and no person.
WITHOUT_BETS: Final = {
    "features.bet_counts": ("sport", "institution_name"),
    "features.bet_facts_changes": ("bet_type", "sport", "league", "market", "institution_name"),
    "features.feature_metadata": ("feature", "view", "computation_mode", "definition_hash"),
    "features.group_state": ("grouping", "key"),
    "features.institution_stats_changes": ("institution_name",),
    "features.sport_league_market_stats_changes": ("sport_league_market",),
    "features.sport_league_stats_changes": ("sport_league",),
    "features.sport_market_recent_changes": ("sport_market",),
    "features.sport_market_stats_changes": ("sport_market",),
    "features.sport_stats_changes": ("sport",),
    "features.vocabulary": ("column_name", "value"),
    "ops.audits": ("service", "code_version"),
    "ops.served_vectors": ("service", "features", "views"),
    "ops.alert_deliveries": ("channel", "event", "state"),
    "ops.alerts": ("severity",),
    "ops.anomalies": ("kind", "severity"),
    "ops.distributions": ("view", "feature", "edges", "labels", "rows", "reference_rows"),
    "ops.drift": ("view", "feature"),
    "ops.gate_results": ("gate", "scope", "severity", "state", "threshold"),
    "ops.gates": ("state", "overridden_by"),
    "ops.lineage_destinations": ("destination",),
    "ops.lineage_events": ("job", "event_type"),
    "ops.materializations": ("view",),
    "ops.metrics": ("name",),
    "ops.migrations": ("name", "digest"),
    "ops.row_counts": ("counted",),
    "ops.run_steps": ("step",),
    "ops.runs": ("verb", "state", "source", "code_version"),
    "ops.seals": ("view",),
    "ops.shifts": ("test", "segment_column", "segment"),
    "ops.stream_formats": ("stream", "name", "declaration"),
    "ops.sync_state": ("stream", "columns", "without_columns"),
    "quarantine.bets": ("reasons", "payload", "source", "state"),
    "raw.shown_bets": ("stream", "payload"),
}
