"""The verb train: a judged model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.follow_up import lineage_sent
from ingestion.cli.options import Json, MappingOption, Now, SourceOption
from ingestion.cli.output import print_line, say, say_warning
from ingestion.cli.progress_bar import progress_bar
from ingestion.cli.stores import begin, load_feast, prepared_stores, source_opener
from ingestion.wording import counted
from training.cli.judgement import print_judgement
from training.cli.options import (
    AsIsOption,
    ManifestOption,
    ServiceOption,
    SinceOption,
    UntilOption,
    placed_between,
    refuse_beside_manifest,
)

if TYPE_CHECKING:
    from training.train import TrainedModel


def train(
    service: ServiceOption = None,
    source: SourceOption = None,
    mapping: MappingOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    manifest: ManifestOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where to write it. Default: among the kept models.")
    ] = None,
    as_is: AsIsOption = False,
    now: Now = None,
    json: Json = False,
) -> None:
    """Train models, and judge them beside the price.

    The source is read first where it is named, or where features are more than a day old and a table is configured.
    What the quality gate refuses is not trained on: exit 3, and no model. The verdict comes first: whether the model is
    better than the calibrated price, by a fixed rule.
    """
    from ingestion.serving.score import DEFAULT_SERVICE

    settings = begin(now)
    placed_from, placed_to = placed_between(since, until)
    if manifest is not None:
        refuse_beside_manifest(service=service, source=source, since=since, until=until, as_is=as_is)
    from feature_repo import clock
    from training.artefacts.model_store import ModelStore
    from training.artefacts.new_directory import refuse_written
    from training.dataset import placement_list
    from training.manifest import MODEL_PAGE

    # What cannot be is said before anything is read or waited for.
    pinned = ModelStore.of_home(settings.home).pinned(manifest) if manifest is not None else None
    wanted = pinned.data.service if pinned else service or DEFAULT_SERVICE
    placement_list(wanted)
    directory = out or ModelStore.of_home(settings.home).new_directory(wanted, clock.now())
    refuse_written(directory)
    tables = settings.sources
    connections = prepared_stores(settings, create=bool(source or tables.postgres or tables.supabase))
    load_feast()
    from training.refresh import due_opener, refresh_before_training
    from training.train import retrain, train_models

    with lineage_sent(settings, connections), progress_bar() as progress:
        if pinned is not None:
            trained = retrain(connections, pinned, directory, progress=progress)
        else:
            opener = None if as_is and not source else due_opener(settings, connections, source, mapping, source_opener)
            if opener is not None:
                refresh_before_training(settings, connections, opener, progress)
            trained = train_models(
                connections,
                wanted,
                directory,
                placed_from=placed_from,
                placed_to=placed_to,
                as_is=as_is,
                progress=progress,
            )
    if trained.mlflow and trained.mlflow.problem:
        say_warning(f"The model is kept, and was not logged to MLflow: {trained.mlflow.problem}.")
    for warning in trained.fitted.warnings:
        say_warning(warning)
    if json:
        print_json(
            {
                "directory": str(directory),
                "page": str(directory / MODEL_PAGE),
                "run": trained.run,
                "mlflow": trained.mlflow.document() if trained.mlflow else None,
                "seconds": trained.seconds,
                **vars(trained.manifest),
            }
        )
        return
    _print(trained)


def _print(trained: TrainedModel) -> None:
    from training.manifest import MODEL_PAGE

    print_judgement(trained.manifest)
    bets = trained.fitted.bets
    print_line()
    if trained.mlflow and trained.mlflow.run_id:
        print_line(f"In MLflow: run {trained.mlflow.run_id} of experiment {trained.mlflow.experiment}.")
    say(
        f"Run {trained.run}: models took {trained.seconds['models']:.1f} s, the training set "
        f"{trained.seconds['training set']:.1f} s."
    )
    print_line(
        f"{trained.manifest.name}: trained on {counted(bets['train'] + bets['validation'], 'bet')}, tested on "
        f"{bets['test']:,}, {bets['purged']:,} purged. Kept in {trained.directory}, with {MODEL_PAGE}."
    )
