"""Which bets are meant: one by its id, or all of a user, found in the store before anything is changed."""

from __future__ import annotations

import psycopg

from feature_repo.errors import ConfigurationError
from ingestion.database.access import statement
from ingestion.forgetting.erasure import Subject
from ingestion.forgetting.keyed_digests import Forgotten
from ingestion.forgetting.user_column import UserColumn


def subject_of_bet(connection: psycopg.Connection, bet: str) -> Subject:
    """The bet with this id. Raises ConfigurationError where the store has none; the message holds no name."""
    row = connection.execute(statement("forget_known_bet"), {"bet": bet}).fetchone()
    if row and row[0]:
        return Subject(frozenset([bet]))
    if Forgotten.of_store(connection).among([bet]):
        raise ConfigurationError(
            "That bet is forgotten already, and is not taken in again", "Nothing was changed", "Nothing is to be done"
        )
    raise ConfigurationError(
        "The store has no bet with that id",
        "Nothing was changed",
        "Ids are compared to the letter: `pikkit explain --bet ID` finds similar ones",
    )


def subject_of_user(connection: psycopg.Connection, user: str, column: UserColumn) -> Subject:
    """All bets of which a version is this user's. Raises ConfigurationError where there is none."""
    digest = column.digest(user)
    rows = connection.execute(statement("forget_ids_of_user"), {"user_digest": digest, "name": user}).fetchall()
    theirs = [(seq, bet) for seq, bet, payload in rows if payload is None or column.user_of(payload) == user]
    if theirs:
        return Subject(frozenset(bet for _, bet in theirs if bet is not None), user, tuple(seq for seq, _ in theirs))
    if digest in Forgotten.of_store(connection).users:
        raise ConfigurationError(
            "That user is forgotten already: nothing of theirs is taken in",
            "Nothing was changed",
            "Nothing is to be done",
        )
    raise ConfigurationError(
        f"No row of the store says that it is that user's (column {column.name})",
        "Nothing was changed",
        "USER_COLUMN names the column of the source that says whose a bet is; what was read before it was set, or from "
        "a table without it, names nobody. `pikkit forget --bet ID` forgets bets one by one",
    )
