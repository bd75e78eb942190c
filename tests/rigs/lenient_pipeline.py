"""The pipeline for stores of a handful of bets: tests/lenient_gates.toml in place of what a real dataset keeps to."""

from __future__ import annotations

from functools import partial

from ingestion import pipeline
from ingestion.gates.config_file import gates_of
from tests.conftest import LENIENT_GATES

run = partial(pipeline.run_pipeline, gates=gates_of(LENIENT_GATES))
run_backfill = partial(pipeline.run_backfill, gates=gates_of(LENIENT_GATES))
