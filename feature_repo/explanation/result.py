"""What an explanation consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

# Feast's words (feature_repo/scoring/vectors.py), and UNREACHABLE where Redis does not answer.
ReadStatus = Literal["PRESENT", "NULL_VALUE", "NOT_FOUND", "OUTSIDE_MAX_AGE", "UNREACHABLE"]
# counts      is part of the value
# replaced    counted until a later version of its bet
# deleted     says that its bet is gone
# superseded  was older than what was known of its bet when it came, or was never published: never counted
VersionState = Literal["counts", "replaced", "deleted", "superseded"]


@dataclass(frozen=True)
class ExplainedFeature:
    """One feature: what is served of it, and what comes out when it is worked out again from its bets."""

    view: str
    feature: str
    dtype: str
    #: As of the instant, and why it is null where it is.
    offline: Any
    offline_status: ReadStatus
    #: As of now; null and PRESENT for what is computed on demand and is null.
    online: Any
    online_status: ReadStatus
    #: What the change row holds, whether it is served any more or not.
    stored: Any
    #: What the bets give.
    recomputed: Any
    #: How: a formula, and the same with its numbers.
    calculation: str
    #: The numbers of the formula, by name: sums over bets (of a window over its bets), or columns of the bet.
    sums: Mapping[str, Any]
    #: Whether `stored` is `recomputed` (rule R3: what is not Float64 exactly, that to 1e-9).
    agrees: bool
    #: From which change row on it has had this value, and the run that wrote that row.
    changed_at: datetime | None
    changed_by: UUID | None


@dataclass(frozen=True)
class BehindVersion:
    """A version of a bet, and what it adds to each sum of its group, or added as long as it counted."""

    seq: int
    #: That of the bet; `a forgotten bet` of one that was forgotten.
    id: str
    known_at: datetime
    status: str
    american_odds: int | None
    #: The run that brought it.
    run_id: UUID
    state: VersionState
    #: The version that took its place, and when.
    replaced_by: int | None
    replaced_at: datetime | None
    #: Sum -> what it adds: counts, cents, percent, probabilities. Of a single bet its columns.
    adds: Mapping[str, Any]


@dataclass(frozen=True)
class ChangingVersion:
    """A version of a bet that came into a group or left it when it became known."""

    seq: int
    id: str
    known_at: datetime
    status: str
    is_deleted: bool
    previous_seq: int | None


@dataclass(frozen=True)
class ArrivedVersion(ChangingVersion):
    """A version that made a change: what it says, how it came, the row that its source sent."""

    #: The run that brought it.
    run_id: UUID
    #: The file or table, and how far it has been read since: null for a file.
    stream: str | None
    received_at: datetime | None
    cursor_updated_at: datetime | None
    cursor_id: str | None
    #: To the character.
    payload: str | None


@dataclass(frozen=True)
class RunBehind:
    """A run, and what its gate said."""

    run_id: UUID
    verb: str
    state: str
    source: str | None
    #: Its clock; `started_at` is the machine's.
    now: datetime
    started_at: datetime
    #: passed, refused or overridden; null where it judged nothing.
    gate: str | None
    #: Why somebody overrode it, and who.
    reason: str | None
    overridden_by: Mapping[str, str | None] | None
    checks_passed: int
    checks_warned: int
    checks_failed: int


@dataclass(frozen=True)
class Change:
    """The change after which features had the value that they have."""

    event_timestamp: datetime
    features: tuple[str, ...]
    #: The run that wrote the change row; null where it has no record.
    run: RunBehind | None
    #: What became known then, a part of it, and how many versions that is in all.
    versions: tuple[ArrivedVersion, ...]
    versions_in_all: int


@dataclass(frozen=True)
class ExplainedView:
    """The features of one view that were asked for."""

    view: str
    #: The group's key or the bet's id; null for what is computed on demand.
    key: str | None
    ttl_seconds: float | None
    #: Up to when the offline values are known to hold, and the newest change row of the view by the instant.
    as_of: datetime | None
    change_row_at: datetime | None
    #: The same of Redis, now.
    online_as_of: datetime | None
    features: tuple[ExplainedFeature, ...]
    #: The newest versions behind the features, and how many there are.
    versions: tuple[BehindVersion, ...]
    versions_in_all: int
    changes: tuple[Change, ...]

    @property
    def agrees(self) -> bool:
        """Whether all of its features do."""
        return all(feature.agrees for feature in self.features)


@dataclass(frozen=True)
class Explanation:
    """All that was asked for."""

    subject: str
    at: datetime
    now: datetime
    #: The instant up to which the features follow their log; null before the first refresh.
    features_watermark: datetime | None
    bet: str | None
    views: tuple[ExplainedView, ...]

    @property
    def agrees(self) -> bool:
        """Whether what is stored of every feature is what its bets give."""
        return all(view.agrees for view in self.views)

    @property
    def features(self) -> tuple[ExplainedFeature, ...]:
        """The features of all views, in order."""
        return tuple(feature for view in self.views for feature in view.features)
