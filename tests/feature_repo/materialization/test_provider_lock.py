"""One thing at a time: materializations, applies and runs hold the run lock, and no definition is lost between them."""

from __future__ import annotations

import contextlib
import io
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from feature_repo import REPOSITORY
from feature_repo.errors import GateRefused, LockHeld
from feature_repo.postgres.run_lock import lock_holder, run_lock
from ingestion.database.access import connect
from tests.feature_repo.materialization.test_provider_writes import frame
from tests.rigs.forked_commands import ForkedCommand, forked_command
from tests.rigs.processes import wait_until
from tests.rigs.published_store import SECOND, WATERMARK, Published

WINDOW = (WATERMARK - timedelta(hours=2), WATERMARK)


@pytest.fixture
def somebody(published: Published) -> Iterator[psycopg.Connection]:
    """Another program, which holds the lock."""
    with connect(published.connections.postgres, purpose="test") as session, holding(session):
        yield session


@contextlib.contextmanager
def holding(session: psycopg.Connection) -> Iterator[None]:
    """Hold the lock as a session of another program does: nothing in this one knows of it."""
    import contextvars

    context = contextvars.copy_context()
    lock = run_lock(session, "pikkit backfill")
    context.run(lock.__enter__)
    try:
        yield
    finally:
        context.run(lock.__exit__, None, None, None)


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.materialize(*WINDOW),
        lambda store: store.materialize_incremental(WATERMARK),
        lambda store: store.write_to_online_store("sport_stats", frame()),
        lambda store: store.provider.validate_data_source(store.config, store.get_data_source("sport_stats")),
        lambda store: store.provider.teardown_infra(store.project, store.list_feature_views(), []),
    ],
    ids=["materialize", "materialize_incremental", "write_to_online_store", "apply", "teardown"],
)
def test_feast_writes_nothing_while_another_session_holds_the_run_lock(
    published: Published, gated: Any, somebody: psycopg.Connection, act: Callable[[Any], None]
) -> None:
    before = published.registry()
    with pytest.raises(LockHeld) as refused:
        act(gated)
    assert refused.value.holder.startswith("pikkit backfill, process ")
    assert (published.held(), published.registry()) == (set(), before)


def test_materialization_inside_a_run_uses_the_run_lock_of_the_run(published: Published, gated: Any) -> None:
    with connect(published.connections.postgres, purpose="test") as session, run_lock(session, "pikkit run"):
        gated.materialize(*WINDOW)
        assert (lock_holder(published.database) or "").startswith("pikkit run, process ")
    assert published.held()


def test_run_lock_of_another_store_does_not_count(published: Published, gated: Any, postgres: Any) -> None:
    with (
        connect(postgres, purpose="test") as elsewhere,
        run_lock(elsewhere, "pikkit run"),
        connect(published.connections.postgres, purpose="test") as session,
        holding(session),
        pytest.raises(LockHeld),
    ):
        gated.materialize(*WINDOW)


@pytest.mark.parametrize("refused", [False, True])
def test_run_lock_is_released_after_a_write(published: Published, gated: Any, refused: bool) -> None:
    if refused:
        published.execute("delete from ops.seals")
    with contextlib.suppress(GateRefused):
        gated.materialize(*WINDOW)
    assert lock_holder(published.database) is None


def test_feast_commands_exit_with_5_while_the_run_lock_is_held(
    published: Published, somebody: psycopg.Connection
) -> None:
    before = published.registry()
    for command in (["apply"], ["materialize", "2026-01-01", "2026-05-01"]):
        process = published.feast(*command)
        assert (process.returncode, "Traceback" in process.stderr) == (5, False)
        assert "Error: Another run holds the lock: pikkit backfill, process" in process.stderr
    assert published.registry() == before


def test_apply_and_plan_hold_and_release_the_run_lock(published: Published) -> None:
    for command in (["apply"], ["plan"], ["apply", "--skip-source-validation"]):
        process = published.feast(*command)
        assert process.returncode == 0, process.stderr
    assert lock_holder(published.database) is None


def started_materialization(published: Published) -> AbstractContextManager[ForkedCommand]:
    """`feast materialize` over two hours, in a process of its own."""
    arguments = ["materialize", "2026-05-01T10:00:00", "2026-05-01T12:00:00"]
    return forked_command("feast", arguments, environ=published.environ(), cwd=REPOSITORY)


def test_apply_beside_a_materialization_is_refused(published: Published) -> None:
    """The materialization is paused here where it waited for a table (it would wait for 20 s only); before, the apply
    that came meanwhile was silently undone by it.
    """
    with connect(published.connections.postgres, purpose="test") as session:
        session.execute("lock table features.institution_stats_changes in access exclusive mode")
        with started_materialization(published) as materialize:
            try:
                wait_until(lambda: (lock_holder(published.database) or "").startswith("feast materialize"))
                os.kill(materialize.pid, signal.SIGSTOP)
                session.rollback()
                applied = published.feast("apply")
            finally:
                session.rollback()
                os.kill(materialize.pid, signal.SIGCONT)
            assert materialize.wait().returncode == 0
    assert (applied.returncode, bool(published.held())) == (5, True)


def test_killed_process_leaves_no_run_lock(published: Published, gated: Any) -> None:
    with connect(published.connections.postgres, purpose="test") as session:
        session.execute("lock table features.institution_stats_changes in access exclusive mode")
        with started_materialization(published) as materialize:
            wait_until(lambda: lock_holder(published.database) is not None)
            materialize.kill()
            materialize.wait()
    wait_until(lambda: lock_holder(published.database) is None)
    gated.materialize(*WINDOW)
    assert published.held()


class Meanwhile(io.StringIO):
    """Where Feast prints, once it has loaded the definitions and before it asks the provider for anything."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__()
        self._act: Callable[[], None] | None = act

    def write(self, text: str) -> int:
        act, self._act = self._act, None
        if act is not None:
            act()
        return super().write(text)


@pytest.mark.parametrize("refused", [False, True])
def test_materialization_keeps_definitions_applied_while_materialize_runs(
    published: Published, gated: Any, refused: bool
) -> None:
    """Feast writes back the views it loaded at the start, if they have a state. Ours have none."""
    gated.materialize(*WINDOW)
    if refused:
        published.execute("update ops.gates set state = 'refused' where run_id = %s", SECOND)

    def apply() -> None:
        other = published.store()
        view = other.get_feature_view("sport_stats")
        view.tags = {"since": "then"}
        other.apply(view)

    with contextlib.redirect_stdout(Meanwhile(apply)), contextlib.suppress(GateRefused):
        gated.materialize(*WINDOW)
    assert published.store().get_feature_view("sport_stats").tags == {"since": "then"}


def test_materialization_copies_by_the_current_definitions(published: Published, gated: Any) -> None:
    """Not those that Feast had loaded before it had the lock: somebody has since taken the view offline."""

    def apply() -> None:
        other = published.store()
        view = other.get_feature_view("sport_stats")
        view.online = False
        other.apply(view)

    with contextlib.redirect_stdout(Meanwhile(apply)):
        gated.materialize(*WINDOW, ["sport_stats"])
    assert not published.held()


def test_finished_plan_releases_the_run_lock_before_the_process_ends(published: Published, gated: Any) -> None:
    gated.provider.validate_data_source(gated.config, gated.get_data_source("sport_stats"))
    held = lock_holder(published.database)
    gated.provider.plan_infra(gated.config, gated.registry.proto())
    assert ((held or "").startswith("feast apply"), lock_holder(published.database)) == (True, None)


def test_store_apply_under_a_held_run_lock_raises_after_writing_the_registry(
    published: Published, gated: Any, somebody: psycopg.Connection
) -> None:
    """Feast asks nothing of a provider before `store.apply` writes; what it wrote stays."""
    view = gated.get_feature_view("sport_stats")
    view.tags = {"new": "yes"}
    with pytest.raises(LockHeld, match="The registry has the new definitions"):
        gated.apply(view)
    assert published.store().get_feature_view("sport_stats").tags == {"new": "yes"}
