"""Vectors as they were served, against what training has for the same entities at the same instants.

A vector rests on what had been published when it was served. Training looks back from later, and knows of bets too that
had become known by then and were published only after; so a difference is explained where the history as of the
publication that served it has what was served. Any other is a skew between training and serving.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import psycopg
from psycopg.rows import class_row

from feature_repo.bets.vocabulary import COLUMNS_OF_CODES, ENCODED_COLUMNS, UNKNOWN
from feature_repo.clock import as_utc
from feature_repo.declarations.feature_lists import FeatureList
from feature_repo.declarations.views import ON_DEMAND_DECLARATIONS, STORED_VIEWS
from feature_repo.explanation.formulas import values_agree
from feature_repo.online_store.layout import instant_of_microseconds
from feature_repo.postgres.queries import statement_of
from ingestion.wording import counted
from training.audit.result import FINDINGS_LISTED, AuditCheck, LeakFinding

if TYPE_CHECKING:
    from feast import FeatureStore

# Vectors that are compared, the newest ones.
SERVED_COMPARED: Final = 1_000
_TEXT: Final = frozenset([*(view.join_key for view in STORED_VIEWS), *ENCODED_COLUMNS])
_DTYPES: Final = {
    f"{view.name}:{feature.name}": feature.dtype
    for view in (*STORED_VIEWS, *ON_DEMAND_DECLARATIONS.values())
    for feature in view.declared
}
_TTLS: Final = {view.name: view.ttl for view in STORED_VIEWS}


@dataclass(frozen=True)
class KeptVector:
    """A row of ops.served_vectors."""

    vector_id: int
    served_at: datetime
    bet_id: str | None
    entities: Mapping[str, Any]
    features: Mapping[str, Any]
    views: Mapping[str, tuple[str, int | None]]

    @property
    def name(self) -> str:
        """What findings call it."""
        return self.bet_id or f"vector {self.vector_id}"

    def as_of(self, view: str) -> datetime | None:
        """The publication that the view's row rested on; where there was no row, the newest that the vector shows."""
        _, instant = self.views.get(view, ("", None))
        return instant_of_microseconds(instant) if instant is not None else self.published

    @property
    def published(self) -> datetime | None:
        """The newest publication that it can have rested on; null where it rested on none."""
        instants = [instant for _, instant in self.views.values() if instant is not None]
        return instant_of_microseconds(max(instants)) if instants else None


@dataclass(frozen=True)
class ServedDifference:
    """A value that was served, and another one that training has."""

    vector: KeptVector
    #: view:feature
    feature: str
    trained: Any


def served_check(
    connection: psycopg.Connection, store: FeatureStore, service: FeatureList, now: datetime
) -> AuditCheck:
    """Whether the newest vectors that were kept of a service by now are those of training, or differ for a reason."""
    params = {"service": service.service, "until": now, "limit": SERVED_COMPARED}
    with connection.cursor(row_factory=class_row(KeptVector)) as cursor:
        vectors = cursor.execute(statement_of("training", "served_vectors"), params).fetchall()
    if not vectors:
        why = "No vector was kept of it: PIKKIT_SERVED_VECTORS says how many are, where bets are scored."
        return AuditCheck("served vectors", "not judged", 0, 0, why)
    trained = _trained(store, service, vectors, [vector.served_at for vector in vectors])
    differing = [
        ServedDifference(vector, name, of_vector.get(name))
        for vector, of_vector in zip(vectors, trained, strict=True)
        for name, served in vector.features.items()
        if not _agree(name, served, of_vector.get(name))
    ]
    reasons = _reasons(connection, store, service, differing)
    unexplained = [each for each, reason in zip(differing, reasons, strict=True) if reason is None]
    skewed = len({each.vector.vector_id for each in unexplained})
    explained = len(differing) - len(unexplained)
    because = sorted({reason for reason in reasons if reason is not None})
    listed = f", and {counted(explained, 'value')} differ for a reason ({'; '.join(because)})" if explained else ""
    sentence = (
        f"{counted(skewed, 'vector')} of {len(vectors):,} served otherwise than training has them{listed}."
        if skewed
        else f"{counted(len(vectors), 'vector')} served as training has them{listed}."
    )
    rows = sorted(zip(differing, reasons, strict=True), key=lambda row: row[1] is not None)
    findings = [
        LeakFinding(
            each.vector.name,
            each.feature,
            str(each.trained),
            str(each.vector.features[each.feature]),
            reason or f"served at {each.vector.served_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        )
        for each, reason in rows[:FINDINGS_LISTED]
    ]
    return AuditCheck("served vectors", "leak" if skewed else "clean", len(vectors), skewed, sentence, findings)


def _reasons(
    connection: psycopg.Connection,
    store: FeatureStore,
    service: FeatureList,
    differing: Sequence[ServedDifference],
) -> list[str | None]:
    """Why each of them differs; None for no reason."""
    redefined: dict[str, datetime] = dict(connection.execute(statement_of("training", "redefined_since")).fetchall())
    known = {
        (column, name): known_at
        for column, name, _, known_at in connection.execute(statement_of("training", "name_instants")).fetchall()
    }
    vectors = {each.vector.vector_id: each.vector for each in differing if each.vector.published is not None}
    before: dict[tuple[int, str], Mapping[str, Any]] = {}
    for view in {_view_of(each) for each in differing} & _TTLS.keys():
        instants = {vector_id: at for vector_id, vector in vectors.items() if (at := vector.as_of(view)) is not None}
        rows = _trained(
            store,
            FeatureList(service.service, "", {view: service.features[view]}),
            [vectors[vector_id] for vector_id in instants],
            list(instants.values()),
        )
        before |= {(vector_id, view): row for vector_id, row in zip(instants, rows, strict=True)}
    return [
        (_code_reason(each, known) if _view_of(each) not in _TTLS else _row_reason(each, before))
        or _definition_reason(each, redefined)
        for each in differing
    ]


def _view_of(each: ServedDifference) -> str:
    """The view of the feature that differs."""
    return each.feature.partition(":")[0]


def _definition_reason(each: ServedDifference, redefined: Mapping[str, datetime]) -> str | None:
    since = redefined.get(each.feature)
    return "the definition changed since" if since is not None and since > each.vector.served_at else None


def _code_reason(each: ServedDifference, known: Mapping[tuple[str, str], datetime | None]) -> str | None:
    """Why a code was served as that of an unknown name; null for other values, which rest on the bet alone."""
    vector, column = each.vector, COLUMNS_OF_CODES.get(each.feature.partition(":")[2])
    if column is None or vector.features[each.feature] != UNKNOWN:
        return None
    since = known.get((column, _name(vector.entities.get(column))))
    is_late = since is not None and (vector.published is None or since > vector.published)
    return "the name was published later" if is_late else None


def _row_reason(each: ServedDifference, before: Mapping[tuple[int, str], Mapping[str, Any]]) -> str | None:
    """Why a stored value was served otherwise: what the view's row held, and up to when, says so."""
    vector, view = each.vector, _view_of(each)
    served, at = vector.features[each.feature], vector.as_of(view)
    if at is None:
        return "nothing was online" if served is None else None
    if served is None and vector.served_at - at > _TTLS[view]:
        return "the copy was older than its TTL"
    then = before.get((vector.vector_id, view), {})
    return "bets were published later" if _agree(each.feature, served, then.get(each.feature)) else None


def _name(key: Any) -> str:
    from feature_repo.group_keys import only_part

    try:
        return only_part(key) or ""
    except ValueError:
        return str(key)


def _trained(
    store: FeatureStore, service: FeatureList, vectors: Sequence[KeptVector], instants: Sequence[datetime]
) -> list[dict[str, Any]]:
    """What training has for the entities of vectors at these instants: view:feature -> value, for each vector."""
    refs = [f"{view}:{name}" for view, names in service.features.items() for name in names]
    if not vectors:
        return []
    names = dict.fromkeys(name for vector in vectors for name in vector.entities)
    columns: dict[str, list[Any]] = {name: [vector.entities.get(name) for vector in vectors] for name in names}
    if any(vector.bet_id is not None for vector in vectors):
        columns["bet_id"] = [vector.bet_id for vector in vectors]
    frame = pd.DataFrame({name: _column(name, values) for name, values in columns.items()})
    frame["event_timestamp"] = pd.to_datetime(list(instants), utc=True)
    retrieved = store.get_historical_features(frame, refs).to_df()
    return [
        {ref: _plain_value(retrieved[ref.partition(":")[2]].iloc[place]) for ref in refs}
        for place in range(len(vectors))
    ]


def _column(name: str, values: list[Any]) -> Any:
    if name == "time_placed":
        placed = [None if value is None else as_utc(datetime.fromisoformat(value)) for value in values]
        return pd.Series(placed, dtype="datetime64[us, UTC]")
    if name == "is_live":
        return pd.array(values, dtype=pd.BooleanDtype())
    if name in _TEXT:
        return pd.array(values, dtype=pd.StringDtype("pyarrow"))
    return pd.array([float("nan") if value is None else float(value) for value in values], dtype="float64")


def _plain_value(value: Any) -> Any:
    if value is None or value is pd.NA or value != value:
        return None
    return value.item() if hasattr(value, "item") else value


def _agree(name: str, served: Any, trained: Any) -> bool:
    return values_agree(served, trained, _DTYPES.get(name, "String"))
