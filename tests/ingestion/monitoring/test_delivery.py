"""Alerts reach each channel once, and nothing that a channel does to us costs a run anything."""

from __future__ import annotations

import logging
import queue
import re
import sys
import threading
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from feature_repo.servers.connections import Postgres
from ingestion.database.access import connect
from ingestion.monitoring import delivery
from ingestion.monitoring.channels import AlertChannel, alert_channels
from ingestion.monitoring.delivery import deliver
from ingestion.runs.alerts import open_alert, resolve_alerts
from tests.builders.bet_files import NOW
from tests.rigs.receiver import Receiver
from tests.rigs.trouble import closed_port

TOKEN = "123456789:AAabcdefghijklmnopqrstuvwxyz_012345"
RUN = UUID("01a22093-0000-7000-8000-000000000001")
LATER = NOW + timedelta(hours=3)


@pytest.fixture
def store(postgres: Postgres) -> psycopg.Connection:
    return connect(postgres, purpose="test", autocommit=True)


def happen(store: psycopg.Connection, cause: str, notice: str = "It happened.", run_id: UUID = RUN) -> None:
    open_alert(store, cause, "critical", f"{notice} At PinnacleBook, bet b1.", notice=notice, run_id=run_id, now=NOW)


def channels(*urls: str) -> list[AlertChannel]:
    found, unusable = alert_channels(" ".join(urls))
    assert not unusable
    return found


def told(hook: Receiver) -> list[tuple[str, str]]:
    """Title and text of each message."""
    return [(request.json()["title"], request.json()["message"]) for request in hook.requests]


def test_a_channel_gets_a_single_message_for_an_opened_and_for_a_resolved_alert(
    store: psycopg.Connection, hook: Receiver
) -> None:
    for _ in range(3):  # it is found again by each run
        happen(store, "gate a")
        assert deliver(store, channels(hook.webhook)) == []
    resolve_alerts(store, "gate a", now=LATER)
    for _ in range(2):
        assert deliver(store, channels(hook.webhook)) == []
    since = "2026-05-24T15:00:00Z"
    assert told(hook) == [
        ("Pikkit: critical", f"It happened. Since {since}, run 01a22093. `pikkit alerts` lists all."),
        ("Pikkit: resolved", f"It happened. It held from {since} on, and cleared after 3 h."),
    ]


def test_an_alert_that_opens_again_is_told_again(store: psycopg.Connection, hook: Receiver) -> None:
    for _ in range(2):
        happen(store, "gate a")
        deliver(store, channels(hook.webhook))
        resolve_alerts(store, "gate a", now=LATER)
        deliver(store, channels(hook.webhook))
    assert [title for title, _ in told(hook)] == ["Pikkit: critical", "Pikkit: resolved"] * 2


def test_two_causes_make_two_messages(store: psycopg.Connection, hook: Receiver) -> None:
    happen(store, "gate a", "First.")
    happen(store, "gate b", "Second.")
    deliver(store, channels(hook.webhook))
    assert [text.split()[0] for _, text in told(hook)] == ["First.", "Second."]


@pytest.mark.parametrize("trouble", ["closed", "fails", "refuses", "hangs"])
def test_a_dead_channel_is_retried_with_the_next_run_and_a_live_channel_is_told_once(
    trouble: str, store: psycopg.Connection, hook: Receiver, other_hook: Receiver
) -> None:
    dead = f"json://127.0.0.1:{closed_port()}/" if trouble == "closed" else hook.webhook
    hook.status, hook.hangs = {"fails": 500, "refuses": 401}.get(trouble, 200), trouble == "hangs"
    happen(store, "gate a")
    (warning,) = deliver(store, channels(dead, other_hook.webhook))
    assert "did not take 1 message. The next run tries again" in warning
    hook.status, hook.hangs = 200, False
    hook.requests.clear()
    alive = hook.webhook if trouble != "closed" else dead
    warnings = deliver(store, channels(alive, other_hook.webhook))
    assert len(warnings) == (trouble == "closed")
    assert len(hook.requests) == (trouble != "closed")
    assert len(other_hook.requests) == 1


def test_an_alert_that_cleared_while_the_channel_was_dead_is_told_once_as_resolved(
    store: psycopg.Connection, hook: Receiver
) -> None:
    hook.status = 500
    happen(store, "gate a")
    deliver(store, channels(hook.webhook))
    resolve_alerts(store, "gate a", now=LATER)
    deliver(store, channels(hook.webhook))
    hook.status = 200
    hook.requests.clear()
    deliver(store, channels(hook.webhook))
    deliver(store, channels(hook.webhook))
    assert [title for title, _ in told(hook)] == ["Pikkit: resolved"]


def test_an_alert_opened_and_cleared_by_the_same_run_is_sent_and_older_history_is_not(
    store: psycopg.Connection, hook: Receiver
) -> None:
    happen(store, "old", run_id=UUID(int=RUN.int - 1))
    happen(store, "new", "No run succeeded.")
    resolve_alerts(store, "", now=LATER)
    deliver(store, channels(hook.webhook), RUN)
    assert [title for title, _ in told(hook)] == ["Pikkit: resolved"]
    assert told(hook)[0][1].startswith("No run succeeded.")


def test_a_message_claimed_by_another_process_is_sent_only_after_the_claim_is_old(
    store: psycopg.Connection, hook: Receiver
) -> None:
    happen(store, "gate a")
    (channel,) = channels(hook.webhook)
    claim = "insert into ops.alert_deliveries select alert_id, %s, 'opened', 'sending', 1, now() from ops.alerts"
    store.execute(claim, [channel.key])
    assert deliver(store, [channel]) == []
    assert not hook.requests
    store.execute("update ops.alert_deliveries set attempted_at = attempted_at - interval '6 minutes'")
    assert deliver(store, [channel]) == []
    assert len(hook.requests) == 1


def test_two_processes_that_deliver_at_once_say_each_message_once(
    store: psycopg.Connection, postgres: Postgres, hook: Receiver
) -> None:
    causes = [f"gate {number}" for number in range(12)]
    for told_of in ("opened", "resolved"):
        for cause in causes:
            happen(store, cause, f"{cause}.") if told_of == "opened" else resolve_alerts(store, cause, now=LATER)
        start = threading.Barrier(3)

        def deliver_too(start: threading.Barrier = start) -> None:
            with connect(postgres, purpose="test", autocommit=True) as connection:
                start.wait(60)
                assert deliver(connection, channels(hook.webhook), RUN) == []

        processes = [threading.Thread(target=deliver_too) for _ in range(3)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        assert sorted(text.split(".")[0] for _, text in told(hook)) == sorted(causes)
        hook.requests.clear()


def test_an_alert_cleared_while_another_process_tells_of_the_opening_is_resolved_after_that(
    store: psycopg.Connection, hook: Receiver
) -> None:
    happen(store, "gate a")
    (channel,) = channels(hook.webhook)
    claim = "insert into ops.alert_deliveries select alert_id, %s, 'opened', 'sending', 1, now() from ops.alerts"
    store.execute(claim, [channel.key])  # another process is at it
    resolve_alerts(store, "gate a", now=LATER)
    assert deliver(store, [channel], RUN) == []
    assert told(hook) == []
    store.execute("update ops.alert_deliveries set state = 'delivered'")
    assert deliver(store, [channel]) == []
    assert [title for title, _ in told(hook)] == ["Pikkit: resolved"]


def test_an_alert_of_a_run_that_died_untold_is_told_by_the_run_that_clears_the_alert(
    store: psycopg.Connection, hook: Receiver
) -> None:
    died, clearing = UUID(int=RUN.int + 1), UUID(int=RUN.int + 2)
    happen(store, "gate a", run_id=died)
    store.execute(
        "insert into ops.runs (run_id, verb, state, code_version, now, started_at) "
        "values (%s, 'run', 'running', '', %s, now())",
        [clearing, LATER],
    )
    resolve_alerts(store, "gate a", now=LATER)
    deliver(store, channels(hook.webhook), clearing)
    assert [title for title, _ in told(hook)] == ["Pikkit: resolved"]


def test_a_channel_that_fails_is_not_asked_again_in_the_same_run(store: psycopg.Connection, hook: Receiver) -> None:
    hook.status = 500
    for cause in ("gate a", "gate b", "gate c"):
        happen(store, cause)
    (warning,) = deliver(store, channels(hook.webhook))
    assert "3 messages" in warning
    assert len(hook.requests) == 1


def test_no_transaction_is_open_while_a_message_is_sent(store: psycopg.Connection) -> None:
    states = []

    def look(title: str, body: str, tone: str) -> bool:
        states.append(store.info.transaction_status.name)
        return True

    happen(store, "gate a")
    assert deliver(store, [AlertChannel("key", "masked", look)]) == []
    assert states == ["IDLE"]


def test_channels_that_answer_too_late_are_waited_for_once_and_begin_no_message_after_that(
    store: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "DELIVERY_PATIENCE", 0.05)
    answered, left = threading.Event(), queue.Queue[str]()
    asked: list[str] = []

    def channel(key: str) -> AlertChannel:
        def answer_late(title: str, body: str, tone: str) -> bool:
            asked.append(key)
            answered.wait(30)
            left.put(key)
            return True

        return AlertChannel(key, key, answer_late)

    for cause in ("gate a", "gate b"):
        happen(store, cause)
    late = [channel(key) for key in ("one", "two", "three")]
    warnings = deliver(store, late)  # comes back while all three are still at it
    answered.set()
    assert len(warnings) == 3
    assert {left.get(timeout=30) for _ in late} == {"one", "two", "three"}
    monkeypatch.setattr(delivery, "DELIVERY_PATIENCE", 30.0)
    assert deliver(store, late) == []
    assert sorted(asked) == sorted(["one", "two", "three"] * 3)  # the first message again, and the second


def test_telegram_s_bot_api_gets_escaped_text_for_the_chat(
    store: psycopg.Connection, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apprise.plugins.telegram import NotifyTelegram

    monkeypatch.setattr(NotifyTelegram, "notify_url", f"{hook.url}/bot")
    happen(store, "gate a", "price_level <b>of</b> the batch: 7 > 6 & more.")
    assert deliver(store, channels(f"tgram://{TOKEN}/12345")) == []
    (request,) = hook.requests
    assert (request.method, request.path) == ("POST", f"/bot{TOKEN}/sendMessage")
    payload = request.json()
    assert (payload["chat_id"], payload["parse_mode"]) == (12345, "HTML")
    assert "price_level &lt;b&gt;of&lt;/b&gt; the batch: 7 &gt; 6 &amp; more." in payload["text"]
    assert "PinnacleBook" not in payload["text"]


@pytest.mark.parametrize("status", [200, 401, 500])
def test_no_log_has_the_token_even_where_everything_is_logged(
    status: int,
    store: psycopg.Connection,
    hook: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from apprise.plugins.telegram import NotifyTelegram

    monkeypatch.setattr(NotifyTelegram, "notify_url", f"{hook.url}/bot")
    hook.status = status
    for name in (None, "apprise", "urllib3", "urllib3.connectionpool"):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.NOTSET)  # as it was, after the test
        logging.getLogger(name).setLevel(1)
    happen(store, "gate a")
    warnings = deliver(store, channels(f"tgram://{TOKEN}/12345"))
    assert hook.requests
    logging.getLogger("a test").debug("is logged")
    assert "is logged" in caplog.text
    secret = re.escape(TOKEN.partition(":")[2])
    assert not re.search(secret, caplog.text + " ".join(warnings))


def test_an_address_shows_no_secret_and_an_unusable_address_is_named_by_place(caplog: pytest.LogCaptureFixture) -> None:
    found, unusable = alert_channels(f"tgram://{TOKEN}/12345, json://user:hush@host/x tgram://bad/1 nope://s3cret")
    assert unusable == [3, 4]
    assert [channel.masked for channel in found] == ["tgram://1...5/12345/", "json://user:****@host/x"]
    assert TOKEN not in repr(found)
    assert "hush" not in repr(found) + caplog.text
    assert "s3cret" not in caplog.text


def test_an_address_named_twice_is_a_single_channel(hook: Receiver) -> None:
    assert len(channels(hook.webhook, hook.webhook)) == 1


def test_without_channels_apprise_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    assert alert_channels("") == ([], [])
    with pytest.raises(ImportError):
        alert_channels("json://127.0.0.1/")
