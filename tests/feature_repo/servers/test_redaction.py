"""No secret stays in a text that is kept or sent."""

from __future__ import annotations

import json
from urllib.parse import quote, quote_plus

import pytest

from feature_repo.servers.redaction import redacted

SECRET = "p@ss/w:rd 1"


@pytest.mark.parametrize(
    "name", ["POSTGRES_PASSWORD", "SUPABASE_KEY", "SUPABASE_APIKEY", "SUPABASE_PUBLISH_KEY", "OPENLINEAGE_API_KEY"]
)
@pytest.mark.parametrize("spelling", [SECRET, quote(SECRET, safe="")])
def test_the_value_of_a_secret_setting_is_redacted_in_each_spelling(
    monkeypatch: pytest.MonkeyPatch, name: str, spelling: str
) -> None:
    monkeypatch.setenv(name, SECRET)
    assert redacted(f"it said {spelling} to me") == "it said *** to me"


@pytest.mark.parametrize("name", ["REDIS_URL", "SOURCE_POSTGRES_URL", "OPENLINEAGE_URL"])
def test_the_password_of_a_url_in_the_settings_is_redacted_by_itself_too(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, f"scheme://me:{quote(SECRET, safe='')}@host/1")
    assert redacted(f"invalid password {SECRET}") == "invalid password ***"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("redis://:secret@cache:6379/0 is gone", "redis://***@cache:6379/0 is gone"),
        ("host=db password=secret dbname=x", "host=db password=*** dbname=x"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer ***"),
        ("postgresql:/me:secret@db/x does not exist", "postgresql:/***@db/x does not exist"),
        ("postgresql://me:sec/r#t?@db:5432/x", "postgresql://***@db:5432/x"),
        ("GET https://db.example/rest?apikey=s3cret&select=id", "GET https://db.example/rest?apikey=***&select=id"),
        ("?access_token=s3cret&x=1", "?access_token=***&x=1"),
        ("PGPASSWORD=s3cret SUPABASE_KEY=s3cret", "PGPASSWORD=*** SUPABASE_KEY=***"),
        ("{'password': 's3cret', 'port': 5432}", "{'password': ***, 'port': 5432}"),
        ('{"service_key":"s3cret"}', '{"service_key":***}'),
        (r'"{\"token\":\"s3cret\"}"', r'"{\"token\":***}"'),
        ("headers: authorization: s3cret", "headers: authorization: ***"),
        ("key eyJhbGciOi.eyJyb2xlIjoi.c2lnbmF0dXJl is old", "key *** is old"),
        ("sb_secret_a1B2c3D4e5", "***"),
        (f"https://api.telegram.org/bot123456789:{'A' * 35}/getMe", "https://api.telegram.org/bot***/getMe"),
        ("  - POSTGRES_PASSWORD: not set", "  - POSTGRES_PASSWORD: not set"),
        ("json://user:****@127.0.0.1 is dead", "json://user:****@127.0.0.1 is dead"),
        ("group_key: Soccer, token bets, entity_key=Soccer", "group_key: Soccer, token bets, entity_key=Soccer"),
        ("at 2026-05-24T15:00:00Z, postgresql://db:5432/bets", "at 2026-05-24T15:00:00Z, postgresql://db:5432/bets"),
        ("nothing to hide at http://host/path?x=1", "nothing to hide at http://host/path?x=1"),
    ],
)
def test_urls_assignments_and_bearers_are_redacted_whatever_the_settings(text: str, safe: str) -> None:
    assert redacted(text) == safe


def test_a_password_that_is_the_name_of_a_program_leaves_sentences_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_PASSWORD", "pikkit")
    text = "no answer from postgresql://me:pikkit@db. Run `pikkit doctor`"
    assert redacted(text) == "no answer from postgresql://***@db. Run `pikkit doctor`"


def test_a_secret_that_is_given_is_redacted() -> None:
    assert redacted("it said swordfish", "swordfish") == "it said ***"


HARD = "p@ss w/rd'1\"\u00e9%"


@pytest.mark.parametrize(
    "spelling",
    [
        quote_plus(HARD),
        quote(HARD),
        quote(HARD, safe=" +"),
        "p%40ss%20w%2frd%271%22%c3%a9%25",
        json.dumps(HARD)[1:-1],
        json.dumps(HARD, ensure_ascii=False)[1:-1],
        repr(HARD)[1:-1],
        HARD.replace("'", "\\'"),
    ],
)
def test_a_secret_is_redacted_in_urls_quotes_and_json(monkeypatch: pytest.MonkeyPatch, spelling: str) -> None:
    monkeypatch.setenv("POSTGRES_PASSWORD", HARD)
    assert redacted(f"it said {spelling} to me") == "it said *** to me"


def test_an_assigned_value_with_an_escaped_quote_is_redacted_whole() -> None:
    assert redacted(r"host=db password='a\'b' dbname=x") == "host=db password=*** dbname=x"


@pytest.mark.parametrize(
    "connection",
    [
        "host=h user=me password='top secret'",
        "postgresql://h/db?user=u&password=top%20secret",
        "host=h password=top%20secret",
    ],
)
def test_the_password_of_a_connection_string_is_redacted_by_itself_too(
    monkeypatch: pytest.MonkeyPatch, connection: str
) -> None:
    monkeypatch.setenv("SOURCE_POSTGRES_URL", connection)
    assert redacted("no such word: top secret") == "no such word: ***"


def test_tokens_of_alert_channels_are_redacted_and_hosts_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERT_URLS", "tgram://123456789:AAF-token_12/-100123, json://hooks.example.com/T0KENT0KEN")
    text = "123456789:AAF-token_12 of T0KENT0KEN at hooks.example.com"
    assert redacted(text) == "*** of *** at hooks.example.com"
