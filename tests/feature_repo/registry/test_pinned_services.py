"""A published list of features never changes: not with what is added to a view, and not by an apply."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from feast import Field
from feast.types import Float64

from feature_repo import REPOSITORY, on_demand, scorer, services
from feature_repo.declarations.feast_objects import DeclaredOnDemandFeatureView
from feature_repo.errors import ConfigurationError, PublishedListChanged
from feature_repo.on_demand_functions import ON_DEMAND_FUNCTIONS
from feature_repo.registry.pinned_services import check_published_lists, declared_services, references
from ingestion.database.apply import apply_declarations
from tests.builders.bet_files import bet
from tests.rigs.forked_commands import run_forked
from tests.rigs.published_store import Published

PLACEMENT = "market_profitability_at_placement_v1"
LISTS = {service.name: references(service) for service in declared_services()}
# Begins a program whose package is that of its working directory.
IMPORT_COPY = """
import pathlib, sys
for name in [name for name in sys.modules if name.partition(".")[0] == "feature_repo"]:
    del sys.modules[name]
import feature_repo
assert feature_repo.REPOSITORY.samefile(pathlib.Path.cwd()), feature_repo.REPOSITORY
"""
TELL_LISTS = f"""{IMPORT_COPY}
import json
from feature_repo.registry.pinned_services import declared_services, references
print(json.dumps({{service.name: references(service) for service in declared_services()}}))
"""
APPLY = f"""{IMPORT_COPY}
from feast.cli.cli import cli
cli(["apply"])
"""


def lists_of(repository: Path) -> dict[str, list[str]]:
    process = run_forked("python", ["-c", TELL_LISTS], environ=os.environ, cwd=repository)
    assert process.returncode == 0, process.stderr
    lists: dict[str, list[str]] = json.loads(process.stdout.splitlines()[-1])
    return lists


def edited(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, (file, old)
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_new_measure_and_new_field_are_in_no_published_list(tmp_path: Path) -> None:
    """In a copy of the package, edited as CONTRIBUTING.md says one adds a measure."""
    shutil.copytree(REPOSITORY / "feature_repo", tmp_path / "feature_repo")
    features = tmp_path / "feature_repo" / "declarations" / "features.py"
    measure = 'GroupMeasure("avg_stake", "Float64", "Mean stake of {bets}.", FeatureScale.MONEY),'
    edited(features, "\nMEASURES: Final = (", f"\nMEASURES: Final = (\n    {measure}")
    field = 'DeclaredFeature("american_odds", "Float64", "The price.", FeatureScale.AMERICAN_ODDS),'
    edited(features, "PLACED_BET_FEATURES: Final = (", f"PLACED_BET_FEATURES: Final = (\n    {field}")
    assert lists_of(tmp_path) == LISTS


def test_added_field_keeps_the_order_of_scored_features(published: Published, gated: Any) -> None:
    before = scorer(PLACEMENT, store=gated)([bet("a")])
    now = on_demand.bet_features
    wider = DeclaredOnDemandFeatureView(
        name=now.name,
        function=ON_DEMAND_FUNCTIONS["bet_features"],
        schema=[Field(name="american_odds", dtype=Float64), *now.features],
        sources=[*now.source_feature_view_projections.values(), *now.source_request_sources.values()],
        description=now.description,
    )
    gated.apply([wider])
    after = scorer(PLACEMENT, store=published.store())([bet("a")])
    assert (after.names, after.rows) == (before.names, before.rows)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (lambda features: features[:-1], "without sport_stats:sport_avg_clv"),
        (lambda features: [*features, Field(name="sport_new", dtype=Float64)], "with sport_stats:sport_new"),
        (lambda features: features[::-1], "in another order"),
    ],
    ids=["shorter", "longer", "reordered"],
)
def test_apply_that_changes_a_published_list_is_refused_and_names_the_next_version(
    published: Published,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[list[Field]], list[Field]],
    difference: str,
) -> None:
    of_sport = services.market_profitability_at_placement_v1.feature_view_projections[0]
    monkeypatch.setattr(of_sport, "features", change(of_sport.features))
    before = published.registry()
    with pytest.raises(PublishedListChanged, match=difference) as refused:
        check_published_lists(published.database, "pikkit", declared_services())
    assert refused.value.services == (PLACEMENT,)
    with pytest.raises(ConfigurationError, match="market_profitability_at_placement_v2"):
        apply_declarations(published.connections)
    assert published.registry() == before


def test_feast_apply_that_changes_a_published_list_is_refused(published: Published, tmp_path: Path) -> None:
    for name in ("feature_repo", "feature_store.yaml", ".feastignore"):
        source = REPOSITORY / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    edited(
        tmp_path / "feature_repo" / "declarations" / "feature_lists.py",
        '    "bet_clv_features": (\n        "clv_percentage",\n',
        '    "bet_clv_features": (\n',
    )
    before = published.registry()
    process = run_forked("python", ["-c", APPLY], environ=published.environ(), cwd=tmp_path)
    assert (process.returncode, "without bet_clv_features:clv_percentage" in process.stderr) == (2, True), (
        process.stderr
    )
    assert published.registry() == before


def test_apply_of_unchanged_published_lists_passes(published: Published) -> None:
    check_published_lists(published.database, "pikkit", declared_services())
    assert apply_declarations(published.connections).updated == ()
