"""The verb models compare: models beside each other."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line, print_wrapped
from ingestion.cli.stores import begin
from ingestion.cli.tables import print_table


def compare_models_verb(
    names: Annotated[list[str], typer.Argument(metavar="NAME NAME...", help="Two models or more.")],
    json: Json = False,
) -> None:
    """Compare models: verdicts, figures, origins.

    What they were made from is shown where it differs.
    """
    from feature_repo.errors import ConfigurationError
    from training.artefacts.model_comparison import compare_models
    from training.artefacts.model_store import ModelStore

    if len(names) < 2:
        raise ConfigurationError(
            "One model is not compared with anything", "Nothing was done", "Name two; `pikkit models list` lists them"
        )
    store = ModelStore.of_home(begin().home)
    comparison = compare_models([store.model(name) for name in names])
    if json:
        print_json(asdict(comparison))
        return
    letters = [chr(ord("A") + number) for number in range(len(names))]
    for letter, name in zip(letters, comparison.names, strict=True):
        print_line(f"{letter}: {name}")
    print_line()
    print_table(["served model", *letters], [(figure.name, *figure.values) for figure in comparison.figures])
    print_line()
    if comparison.differences:
        print_table(["made from", *letters], [(each.name, *each.values) for each in comparison.differences])
        print_line()
    else:
        print_line("They were made from the same.")
    print_wrapped(
        "They were judged on the same bets."
        if comparison.is_same_test
        else "They were not judged on the same bets: that one figure is larger than another may be the test's doing. "
        "What can be compared is each with the price of its own test."
    )
