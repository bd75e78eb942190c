"""The SQL that shows the rows behind a verdict, to be pasted into psql."""

from functools import cache
from importlib import resources

from quality.gates.gate import Scope

# The versions that were judged, as they stood then: later versions of the same bets do not count.
JUDGED = """(
    select * from processed.bet_versions as version
    where seq > {since} and seq <= {until} and not is_superseded and not is_deleted
      and not exists (
          select from processed.bet_versions as later
          where later.id = version.id and later.seq > version.seq and later.seq <= {until} and not later.is_superseded
      )
)"""


def query(gate: str, scope: Scope, since: int, until: int) -> str:
    """One statement on the log positions (since, until] of the batch, or on the dataset up to `until`."""
    dataset = JUDGED.format(since=0, until=until)
    judged = dataset if scope == "dataset" else JUDGED.format(since=since, until=until)
    return _template(gate).format(judged=judged, dataset=dataset, since=since, until=until)


@cache
def _template(gate: str) -> str:
    text = resources.files("quality.gates").joinpath("sql", f"{gate}.sql").read_text("utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("--")).strip()
