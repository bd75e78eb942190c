"""What the repository declares: the names that users rely on, and fields that say what they are and when."""

from __future__ import annotations

import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from feast import FeatureService, Field
from feast.repo_contents import RepoContents
from feast.repo_operations import get_repo_files, parse_repo

from feature_repo import REPOSITORY
from feature_repo.declarations.availability import known_only_after_placement, placement_services
from feature_repo.declarations.feature_lists import FEATURE_LISTS, FeatureList
from feature_repo.declarations.views import STORED_VIEWS

SPELLING = re.compile(
    r"[A-Z].*\w\. "
    r"(Share|Probability|Percent|Bets|American odds|Decimal odds|Currency units|Code|Flag|Text|Day|Hour), "
    r"[-0-9a-z. ]+\. Available at (placement|close|settlement)\."
)


@pytest.fixture(scope="module")
def declared() -> RepoContents:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(REPOSITORY)  # Feast finds modules relative to the working directory
        return parse_repo(REPOSITORY / "feature_repo")


@pytest.fixture(scope="module")
def fields(declared: RepoContents) -> dict[str, Field]:
    views = (*declared.feature_views, *declared.on_demand_feature_views)
    return {f"{view.name}:{field.name}": field for view in views for field in view.features}


def references(service: FeatureService) -> list[str]:
    return [f"{view.name}:{field.name}" for view in service.feature_view_projections for field in view.features]


def names(things: list) -> set[str]:
    return {thing.name for thing in things}


def service(declared: RepoContents, name: str) -> FeatureService:
    return next(service for service in declared.feature_services if service.name == name)


def test_eight_views_are_declared_with_keys_and_ttls(declared: RepoContents) -> None:
    day, hour, month = timedelta(hours=24), timedelta(hours=1), timedelta(days=30)
    assert {view.name: (view.join_keys, view.ttl) for view in declared.feature_views} == {
        "sport_stats": (["sport"], day),
        "sport_market_stats": (["sport_market"], day),
        "sport_market_recent": (["sport_market"], hour),
        "sport_league_stats": (["sport_league"], day),
        "sport_league_market_stats": (["sport_league_market"], day),
        "institution_stats": (["institution_name"], day),
        "bet_facts": (["bet_id"], month),
        "bet_closing_line": (["bet_id"], month),
    }


def test_declared_views_have_exactly_the_stored_features(declared: RepoContents) -> None:
    held = {view.name: tuple(field.name for field in view.features) for view in declared.feature_views}
    assert held == {view.name: view.features for view in STORED_VIEWS}


def test_declared_count_features_are_int64(fields: dict[str, Field]) -> None:
    assert {str(field.dtype) for field in fields.values() if field.name.endswith("_count")} == {"Int64"}


def test_on_demand_views_and_services_have_the_published_names(declared: RepoContents) -> None:
    assert names(declared.on_demand_feature_views) == {"bet_features", "bet_clv_features"}
    assert names(declared.feature_services) == {
        "market_profitability_v1",
        "market_profitability_at_placement_v1",
        "bet_lookup_v1",
    }


def test_every_field_says_unit_range_and_moment_of_availability(fields: dict[str, Field]) -> None:
    assert [name for name, field in fields.items() if not SPELLING.fullmatch(field.description)] == []


def test_tag_of_a_field_repeats_the_moment_of_availability(fields: dict[str, Field]) -> None:
    assert all(field.description.endswith(f"Available at {field.tags['available']}.") for field in fields.values())


def test_service_for_placement_holds_only_features_known_at_placement(
    declared: RepoContents, fields: dict[str, Field]
) -> None:
    """A model that decides on bets must not be trained on what is learned after they are placed."""
    at_placement = references(service(declared, "market_profitability_at_placement_v1"))
    assert {fields[reference].tags["available"] for reference in at_placement} == {"placement"}


def test_two_profitability_services_differ_by_the_bets_own_closing_line(declared: RepoContents) -> None:
    at_placement = references(service(declared, "market_profitability_at_placement_v1"))
    later = set(references(service(declared, "market_profitability_v1"))) - set(at_placement)
    assert later == {f"bet_clv_features:{name}" for name in ("clv_percentage", "clv_ev", "has_clv")}


def test_no_service_holds_two_features_of_the_same_name(declared: RepoContents) -> None:
    for one in declared.feature_services:
        short = [reference.partition(":")[2] for reference in references(one)]
        assert len(short) == len(set(short)), one.name


def test_on_demand_function_uses_no_name_of_the_module(declared: RepoContents) -> None:
    """Feast executes the stored source elsewhere: a name of the module is a NameError in serving, not in apply."""
    for view in declared.on_demand_feature_views:
        elsewhere: dict[str, object] = {}
        exec(view.udf_string, elsewhere)
        used = view.udf.__code__.co_names
        assert [name for name in used if name in view.udf.__globals__ and name not in elsewhere["__builtins__"]] == []


def test_feast_imports_feature_repo_and_nothing_else() -> None:
    ours = {path for path in (REPOSITORY / "feature_repo").rglob("*.py") if path.name != "__init__.py"}
    assert set(get_repo_files(REPOSITORY)) == ours


def test_feast_imports_no_file_beside_feature_repo(tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / ".feastignore", tmp_path)
    for beside in ("setup.py", "fill.py", "fetch.py", "features/a.py", "feature_store.py", ".tox/b.py", "env/lib/c.py"):
        (tmp_path / beside).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / beside).touch()
    assert get_repo_files(tmp_path) == []


@pytest.mark.parametrize("entry", FEATURE_LISTS, ids=lambda entry: entry.service)
def test_features_known_only_after_placement_are_those_with_a_later_moment_in_the_description(
    declared: RepoContents, fields: dict[str, Field], entry: FeatureList
) -> None:
    (service,) = [each for each in declared.feature_services if each.name == entry.service]
    later = [name for name in references(service) if not fields[name].description.endswith("Available at placement.")]
    assert known_only_after_placement(entry) == later
    assert (entry.service in placement_services()) == (not later)


def test_feature_that_nothing_declares_counts_as_known_only_after_placement() -> None:
    undeclared = FeatureList("new_v1", "", {"sport_stats": ("sport_roi", "sport_final_score")})
    assert known_only_after_placement(undeclared) == ["sport_stats:sport_final_score"]
