"""From a file of bets to a judged model, and the probability of a bet that is being placed.

    python examples/train_a_model.py BETS.parquet

`pikkit train --source BETS.parquet` does the same, and keeps the model.
"""

import sys
from pathlib import Path

from feature_repo import clock, scorer
from feature_repo.store import store_at
from ingestion.cli.stores import begin, prepared_stores
from ingestion.pipeline import run_pipeline
from ingestion.sources.files.file_source import open_file
from training.artefacts.model_store import ModelStore
from training.artefacts.served_model import load_model
from training.train import train_models

SERVICE = "market_profitability_at_placement_v1"

settings = begin()
stores = prepared_stores(settings)  # the servers of PIKKIT_HOME, or those that the environment names
run_pipeline(stores, open_file(Path(sys.argv[1])), gates=settings.gates())  # raises GateRefused: nothing is trained

directory = ModelStore.of_home(settings.home).new_directory(SERVICE, clock.now())
trained = train_models(stores, SERVICE, directory)
for learner, judged in trained.fitted.evaluations.items():
    sys.stdout.write(f"{learner}: {judged.verdict.sentence}\n  {judged.money}\n")

model = load_model(directory.name, connections=stores)
score = scorer(SERVICE, store=store_at(stores), model=model)
bet = {"sport": "Soccer", "league": None, "market": "Moneyline", "institution_name": None, "american_odds": 120}
vectors = score({**bet, "bet_type": "straight", "is_live": False, "time_placed": clock.now()})
sys.stdout.write(f"+120 wins with a probability of {vectors.win_probabilities[0]:.3f}\n")
