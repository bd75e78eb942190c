"""Where Feast reads a view from. One factory: another offline store means another line here, and nothing elsewhere."""

from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource


def history(view: str) -> PostgreSQLSource:
    """The rows of `features.<view>`: what held for each key, and from when on.

    `created_timestamp` equals `event_timestamp`: a row could first be known when it came to hold, so Feast's
    `filter_by_created_timestamp` takes nothing away.
    """
    return PostgreSQLSource(
        name=view,
        table=f"features.{view}",
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
        description=f"History of {view}. Written by `pikkit run`.",
    )
