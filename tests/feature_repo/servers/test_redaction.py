"""No secret stays in a text that is kept or sent."""

from __future__ import annotations

from urllib.parse import quote

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
        ("nothing to hide at http://host/path?x=1", "nothing to hide at http://host/path?x=1"),
    ],
)
def test_urls_assignments_and_bearers_are_redacted_whatever_the_settings(text: str, safe: str) -> None:
    assert redacted(text) == safe


def test_a_secret_that_is_given_is_redacted() -> None:
    assert redacted("it said swordfish", "swordfish") == "it said ***"
