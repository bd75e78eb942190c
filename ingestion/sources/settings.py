"""Where the table of bets is, as the environment says: over Supabase's REST API, or in Postgres itself.

| variable | default | meaning |
|---|---|---|
| `SUPABASE_URL` `SUPABASE_KEY` | none | the project, and a key that may read the table |
| `SUPABASE_APIKEY` | the key itself | what the gateway knows the project by, where a key is a token for a role |
| `SUPABASE_PUBLISH_KEY` | none | a key that may write the tables of `publish-supabase` (docs/supabase.sql) |
| `SOURCE_POSTGRES_URL` | none | `postgresql://` of the same database, with a role that may read the table |
| `SUPABASE_SCHEMA` `SUPABASE_TABLE` | `public`, `bets` | the table, either way |
| `USER_COLUMN` | `user_id` | the column of a source that says whose a bet is: kept as a keyed digest (docs/forget.md) |
| `SYNC_OVERLAP_MINUTES` | 10 | how far before its cursor a sync reads again, for transactions that commit late |
| `SOURCE_PATIENCE_SECONDS` | 300 | for how long a request to a source is retried |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

DEFAULTS: Final[Mapping[str, str]] = {
    "SUPABASE_URL": "",
    "SUPABASE_KEY": "",
    "SUPABASE_APIKEY": "",
    "SUPABASE_PUBLISH_KEY": "",
    "SOURCE_POSTGRES_URL": "",
    "SUPABASE_SCHEMA": "public",
    "SUPABASE_TABLE": "bets",
    "USER_COLUMN": "user_id",
    "SYNC_OVERLAP_MINUTES": "10",
    "SOURCE_PATIENCE_SECONDS": "300",
}
# Values that are secret as a whole. `pikkit doctor` masks them.
SECRETS: Final = ("SUPABASE_KEY", "SUPABASE_APIKEY", "SUPABASE_PUBLISH_KEY", "SOURCE_POSTGRES_URL")


@dataclass(frozen=True)
class SupabaseProject:
    """A Supabase project (or any PostgREST behind `/rest/v1`) and the keys to it.

    A key says as whom we read or write. `apikey` is the project's own key (anon, publishable) that the gateway asks for
    beside one that is not; empty where the key is the project's own.
    """

    url: str
    key: str = field(repr=False)
    publish_key: str = field(repr=False)
    schema: str
    table: str
    apikey: str = field(default="", repr=False)
    #: The column that says whose a bet is; the table need not have it.
    user_column: str = DEFAULTS["USER_COLUMN"]

    @property
    def host(self) -> str:
        """The project's host and port, without whatever else the URL holds."""
        address = urlsplit(self.url)
        return f"{address.hostname}:{address.port}" if address.port else str(address.hostname)

    @property
    def stream(self) -> str:
        """The stream of the table: what ops.sync_state calls it."""
        return f"supabase:{self.host}/{self.schema}.{self.table}"


@dataclass(frozen=True)
class SourcePostgres:
    """A Postgres that holds the table. `conninfo` is an address that libpq takes, with its password."""

    conninfo: str = field(repr=False)
    schema: str
    table: str
    #: The column that says whose a bet is; the table need not have it.
    user_column: str = DEFAULTS["USER_COLUMN"]


@dataclass(frozen=True)
class SourceSettings:
    """The tables that are configured, and how patiently they are read."""

    #: Null where SUPABASE_URL is not set, and likewise the other one.

    supabase: SupabaseProject | None
    postgres: SourcePostgres | None
    #: How far before its cursor a sync reads again.
    overlap: timedelta
    #: For how long a request is retried, from its first attempt on.
    patience: timedelta
    #: The column that says whose a bet is, of tables and files.
    user_column: str = DEFAULTS["USER_COLUMN"]

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> SourceSettings:
        """Read them from an environment in which `source_setting_problems` finds none; else ValueError."""
        value = {name: environ.get(name, "").strip() or default for name, default in DEFAULTS.items()}
        user_column = value["USER_COLUMN"]
        table = {"schema": value["SUPABASE_SCHEMA"], "table": value["SUPABASE_TABLE"], "user_column": user_column}
        supabase = SupabaseProject(
            value["SUPABASE_URL"].rstrip("/"),
            value["SUPABASE_KEY"],
            value["SUPABASE_PUBLISH_KEY"],
            **table,
            apikey=value["SUPABASE_APIKEY"],
        )
        return cls(
            supabase if value["SUPABASE_URL"] else None,
            SourcePostgres(value["SOURCE_POSTGRES_URL"], **table) if value["SOURCE_POSTGRES_URL"] else None,
            timedelta(minutes=float(value["SYNC_OVERLAP_MINUTES"])),
            timedelta(seconds=float(value["SOURCE_PATIENCE_SECONDS"])),
            user_column,
        )


def source_setting_problems(environ: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with each of these settings, by name. Shows no value: it may be a secret in the wrong place."""
    wrong: dict[str, str] = {}
    values = {name: environ.get(name, "").strip() for name in DEFAULTS}
    if values["SUPABASE_URL"] and not is_web_address(values["SUPABASE_URL"]):
        wrong["SUPABASE_URL"] = "not an address such as https://<project>.supabase.co"
    if values["SUPABASE_URL"] and not (values["SUPABASE_KEY"] or values["SUPABASE_PUBLISH_KEY"]):
        wrong["SUPABASE_KEY"] = "missing, since SUPABASE_URL is set"
    for name in ("SUPABASE_KEY", "SUPABASE_PUBLISH_KEY"):
        if values[name] and not values["SUPABASE_URL"]:
            wrong["SUPABASE_URL"] = f"missing, since {name} is set"
    for name in ("SUPABASE_KEY", "SUPABASE_APIKEY", "SUPABASE_PUBLISH_KEY"):
        if not values[name].isascii() or any(character.isspace() for character in values[name]):
            wrong[name] = "holds white space or characters that no key has"
    if values["SOURCE_POSTGRES_URL"] and not _is_conninfo(values["SOURCE_POSTGRES_URL"]):
        wrong["SOURCE_POSTGRES_URL"] = (
            "not an address such as postgresql://role:password@host:5432/database, its password percent-encoded"
        )
    for name in ("SYNC_OVERLAP_MINUTES", "SOURCE_PATIENCE_SECONDS"):
        if values[name] and not _is_length(values[name]):
            wrong[name] = "not a number from 0 to 1,000,000"
    return wrong


def is_web_address(text: str) -> bool:
    """Whether a text is the address of a web server: http or https, and a host."""
    try:
        address = urlsplit(text)
        return address.scheme in ("http", "https") and bool(address.hostname) and (address.port or 1) > 0
    except ValueError:
        return False


def _is_conninfo(text: str) -> bool:
    import psycopg  # commands that only say --help read no settings

    try:
        parts = psycopg.conninfo.conninfo_to_dict(text)
    except psycopg.ProgrammingError:
        return False
    # A password that is not percent-encoded runs on into what should be the host or the port.
    return "@" not in str(parts.get("host") or "") and str(parts.get("port") or "0").replace(",", "").isdigit()


def _is_length(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1_000_000
    except ValueError:
        return False
