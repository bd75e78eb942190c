"""Whether a store is healthy, as `pikkit status` and the report begin."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from ingestion.wording import counted, cut

_MIGRATIONS_NAMED: Final = 3
# Characters of the reason for an override; `pikkit gate` has the whole.
_REASON: Final = 80

if TYPE_CHECKING:
    from ingestion.runs.status import Contents, StoreStatus, ViewStatus


def store_verdict(store: StoreStatus) -> str:
    """Whether the store is healthy, and the command that mends it where it is not. A run that goes on is named."""
    problem = store_problem(store)
    if store.lock_holder is not None:
        going_on = f"A run is going on: {store.lock_holder}. Look again when it is done."
        known = problem or override_of_last_gate(store)
        return f"{going_on} As of now: {known}" if known else going_on
    if problem is not None:
        return problem
    overridden = override_of_last_gate(store)
    views = store.contents.views if store.contents else []
    sampled = sum(view.sample.keys for view in views if view.sample)
    keys = f"{counted(sampled, 'sampled key')} found there as Postgres has them" if sampled else "no key is due online"
    fresh = f"All {len(views)} views are fresh, offline and online; {keys}."
    return f"{overridden} {fresh}" if overridden else fresh


def override_of_last_gate(store: StoreStatus) -> str | None:
    """That what is served did not pass its checks, by whom and why; None where it did, or waits behind a refusal.

    Somebody decided so, so that it keeps no store from being healthy.
    """
    gate = store.contents.gate if store.contents else None
    if gate is None or gate.state != "overridden":
        return None
    from ingestion.runs.actor import by_actor

    return (
        f"The last refresh was published over {counted(gate.failed, 'failed check')}{by_actor(gate.overridden_by)}, "
        f"for this reason: {cut(gate.reason or '-', _REASON).removesuffix('.')}. `pikkit gate --failed` shows them."
    )


def store_problem(store: StoreStatus) -> str | None:
    """What keeps the store from being healthy, with the command that mends it; None when nothing does."""
    from feature_repo.errors import Unreachable

    if isinstance(store.online, Unreachable):
        return "Redis does not answer: nothing is served online."
    contents = store.contents
    if contents is None:
        return f"The store lacks migrations: {_pending(store.pending)}. Run `pikkit migrate`, then `pikkit apply`."
    if contents.features_watermark is None:
        return _alerts(contents) or "Nothing was refreshed yet. Run `pikkit run`."
    if any(view.offline.state == "ahead" for view in contents.views):
        return _ahead(store, contents.features_watermark)
    if definition := _not_rolled_out(contents):
        return definition
    if alerts := _alerts(contents):
        return alerts
    views = contents.views
    stale = sum(view.offline.state == "stale" for view in views)
    if stale:
        last_refresh = f"{contents.features_watermark:%Y-%m-%dT%H:%M:%SZ}"
        are_past_their = "is past its" if stale == 1 else "are past their"
        return (
            f"{stale} of {len(views)} views {are_past_their} TTL: the last refresh was at {last_refresh}. "
            "Run `pikkit run`, or look at the store as of then with --now or PIKKIT_NOW."
        )
    if faulty := [view for view in views if view.online.state in ("empty", "redefined", "incomplete", "differs")]:
        return _not_as_postgres_has_it(faulty, views)
    not_fresh = sum(view.online.state != "fresh" for view in views)
    # A run copies what it committed, so while it goes on it is not late.
    behind = sum(view.online_is_behind for view in views) if store.lock_holder is None else 0
    if not_fresh or behind:
        return f"{max(not_fresh, behind)} of {len(views)} views lack the last refresh online. Run `pikkit materialize`."
    return None


def _alerts(contents: Contents) -> str | None:
    """How many alerts are open: the message of the first, the causes of the others."""
    if not contents.alerts:
        return None
    first, *others = contents.alerts
    sentence = f"{counted(len(contents.alerts), 'alert')} open: {first.message.removesuffix('.')}."
    if first.is_refusal:
        sentence += " `pikkit gate --failed` shows why."
    return f"{sentence} Also open: {', '.join(alert.cause for alert in others)}." if others else sentence


def _pending(migrations: list[str]) -> str:
    """The first and the last of them where they are many, so that the sentence stays one."""
    if len(migrations) <= _MIGRATIONS_NAMED:
        return ", ".join(migrations)
    return f"{migrations[0]} to {migrations[-1]}, {len(migrations):,} in all"


def _ahead(store: StoreStatus, features_watermark: datetime) -> str:
    refreshed = f"the last refresh, {features_watermark:%Y-%m-%dT%H:%M:%SZ}"
    if store.is_clock_stopped:
        return (
            f"The clock is stopped by --now or PIKKIT_NOW at {store.now:%Y-%m-%dT%H:%M:%SZ}, before {refreshed}. "
            "Leave them out, or give a later instant."
        )
    return (
        f"This machine's clock, {store.now:%Y-%m-%dT%H:%M:%SZ}, is behind the store: it is before {refreshed}. "
        "`pikkit doctor` tells which of the clocks is wrong."
    )


def _not_rolled_out(contents: Contents) -> str | None:
    """The first gap between this code and the store, in the order in which they are closed; None without one."""
    from ingestion.database.rollout import columns_gap, definitions_gap, registry_gap

    if contents.missing_columns:
        gap = columns_gap(contents.missing_columns)
    elif contents.unapplied:
        gap = registry_gap(contents.unapplied)
    elif contents.redefined:
        gap = definitions_gap(contents.redefined)
    else:
        return None
    return f"{gap.what}. {gap.next_step}."


def _not_as_postgres_has_it(faulty: list[ViewStatus], views: list[ViewStatus]) -> str:
    samples = [view.sample for view in views if view.sample]
    wrong = sum(sample.missing + sample.differing for sample in samples)
    looked_at = sum(sample.keys for sample in samples)
    keys = f" ({wrong:,} of {looked_at:,} sampled keys are missing or have other values)" if wrong else ""
    reason = faulty[0].online.reason or "Redis holds nothing any more"
    return (
        f"{len(faulty)} of {len(views)} views do not stand online as Postgres has them{keys}. {faulty[0].name}: "
        f"{reason}. Run `pikkit materialize --rebuild`."
    )
