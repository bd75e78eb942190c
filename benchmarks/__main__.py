"""Every claim, measured: `make bench` at sizes that take minutes, `make bench-full` at those of DESIGN.

    python -m benchmarks [--full]

Prints a table per benchmark and writes benchmarks/RESULTS.md. A benchmark that fails is said to have failed there; the
others go on, and the exit code is 1.
"""

from __future__ import annotations

import io
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

from benchmarks import (
    aggregates,
    consistency,
    faults,
    looking,
    materialize,
    online,
    registry,
    retrieval,
    runs,
    sync,
    training,
    validation,
)
from benchmarks.measuring import Row
from benchmarks.report import Section, write
from benchmarks.stores import Stores, stores

RESULTS = Path(__file__).with_name("RESULTS.md")
SMALL, LARGE, LARGEST = 27_222, 100_000, 1_000_000

Benchmark = Callable[[Stores], list[Row]]

# Those from `materialize` on change the stores that the others read.
QUICK: dict[str, Benchmark] = {
    "validation": lambda _: validation.compare(300_000),
    "registry": lambda _: registry.compare(1_000),
    "aggregates": lambda _: aggregates.compare(100_000),
    "retrieval": lambda of: retrieval.compare(of, [SMALL, LARGE], million_of=LARGE, limit=120, rounds=1),
    "online": lambda of: online.compare(of, SMALL),
    "looking": lambda of: looking.compare(of, [SMALL, LARGE]),
    "training": lambda of: training.compare(of, 20, 5, [900, 3_000], store_bets=SMALL),
    "materialize": lambda of: materialize.compare(of, LARGE),
    "runs": lambda of: runs.compare(of, LARGE, [SMALL, LARGE]),
    "consistency": lambda of: consistency.compare(of, SMALL),
}
FULL: dict[str, Benchmark] = {
    "validation": lambda _: validation.compare(1_000_000),
    "registry": lambda _: registry.compare(10_000),
    "aggregates": lambda _: aggregates.compare(3_000_000),
    "retrieval": lambda of: retrieval.compare(of, [SMALL, LARGE], million_of=LARGEST, limit=1_800, rounds=3),
    "online": lambda of: online.compare(of, LARGE),
    "looking": lambda of: looking.compare(of, [SMALL, LARGE, LARGEST]),
    "training": lambda of: training.compare(of, 200, 40, [300, 900, 3_000, 9_000], store_bets=SMALL),
    "materialize": lambda of: materialize.compare(of, 200_000),
    "runs": lambda of: runs.compare(of, LARGEST, [LARGE, LARGEST]),
    "consistency": lambda of: consistency.compare(of, LARGE),
    "sync": lambda _: sync.compare(100_000, [20_000, 200_000]),
}


def run(benchmarks: dict[str, Benchmark]) -> list[Section]:
    """Run them in turn; what fails is told in its section."""
    sections = []
    with stores() as of:
        for name, compare in benchmarks.items():
            started, rows, failure = time.perf_counter(), list[Row](), ""
            try:
                rows = compare(of)
            except Exception as error:  # noqa: BLE001 (whatever it is, the others go on)
                traceback.print_exc()
                failure = str(error)
            sections.append(Section(name, rows, time.perf_counter() - started, failure=failure))
    return sections


def planted_faults() -> Section:
    """What the gates catch: counts, not times."""
    started, said = time.perf_counter(), io.StringIO()
    with redirect_stdout(said):
        faults.compare()
    print(said.getvalue())
    return Section("faults", [], time.perf_counter() - started, text=said.getvalue().strip())


def main(full: bool) -> int:
    """Run all and write the report. Returns the exit code."""
    sections = run(FULL if full else QUICK) + ([planted_faults()] if full else [])
    write(RESULTS, sections, full=full)
    print(f"\nWritten to {RESULTS}")
    return int(any(section.failure for section in sections))


if __name__ == "__main__":
    sys.exit(main("--full" in sys.argv[1:]))
