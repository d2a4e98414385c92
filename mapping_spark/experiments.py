"""What a data scientist runs beside the jobs: a rolling-origin back-test, and a search for settings. Both read no test period twice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import partial

from mapping_spark import console
from mapping_spark.errors import ConfigError
from mapping_spark.evaluation.compare import truth_of
from mapping_spark.evaluation.tuning import Trial, Validation, best, search, space_of
from mapping_spark.features.interactions import build_choices, build_interactions, future_interactions
from mapping_spark.features.item_text import item_categories, item_text
from mapping_spark.job import Outcome
from mapping_spark.models.base import TrainingData
from mapping_spark.pipeline import choose, run_all
from mapping_spark.settings import Settings
from mapping_spark.tables.gold import METRIC_REPLICATES, MODEL_DISTRIBUTIONS, MODEL_METRICS, MODEL_RUNS
from mapping_spark.tables.silver import EVENTS, ITEM_IDS, ITEMS, USER_IDS
from mapping_spark.tables.store import Store

BACK_TEST = ("build_interactions", "build_snapshot", "train_deep", "fit_models", "evaluate_models")
"""What depends on the date, in order; everything before it is there once for all dates."""
_WRITTEN = (MODEL_RUNS, MODEL_METRICS, METRIC_REPLICATES, MODEL_DISTRIBUTIONS)


def backtest(settings: Settings, origins: Sequence[dt.date], store: Store) -> list[Outcome]:
    """Fit and evaluate the configured models as of each date: one slice of gold.model_metrics per date (rolling origin).

    Each date's models know only what was before it. Runs that the ledger has are not repeated. Tashman 2000, "Out-of-sample
    tests of forecasting accuracy".
    """
    jobs = [job for name in BACK_TEST for job in choose(name)]
    outcomes: list[Outcome] = []
    for number, origin in enumerate(sorted(set(origins)), start=1):
        console.say(f"origin {number} of {len(set(origins))}: {origin}, judged by the {settings.evaluation.days} days from then on")
        outcomes += run_all(settings, origin, store, jobs)
    return outcomes


def tune(settings: Settings, as_of: dt.date, store: Store, name: str) -> list[Trial]:
    """Search a model's settings on the `evaluation.days` before `as_of`; every trial is a row of gold.model_runs.

    The days from `as_of` on are not read. Raises `ConfigError` for a model without a declared space.
    """
    space, validation = space_of(name), validation_before(settings, as_of, store)
    configured = settings.models.get(name)
    fixed = configured.model_dump(mode="json") if configured is not None else {}
    rounds = len(settings.tuning.shares)
    console.say(
        f"{settings.tuning.trials} settings of {name} in {rounds} round(s), {settings.gate.compared}, as of {validation.data.as_of}"
    )
    measure = partial(_told, partial(validation.measure, name))
    trials = search(space, fixed, measure, settings.tuning, settings.seed)
    console.say(f"best: {_short(best(trials), fixed)}")
    return trials


def validation_before(settings: Settings, as_of: dt.date, store: Store) -> Validation:
    """The last `evaluation.days` before `as_of`, and what was known before them."""
    origin = as_of - dt.timedelta(days=settings.evaluation.days)
    events, ids, of = store.read(EVENTS), (store.read(USER_IDS), store.read(ITEM_IDS)), settings.interactions
    interactions = build_interactions(events, *ids, as_of=origin, config=of).localCheckpoint()
    if interactions.isEmpty():
        raise ConfigError("tune", f"no interactions before {origin}", "some before the validation period", "Choose a later --as-of.")
    choices = build_choices(events, *ids, as_of=origin, config=of)
    future = future_interactions(events, *ids, as_of=origin, until=as_of, config=of)
    for table in _WRITTEN:
        store.create(table)
    return Validation(
        store,
        TrainingData(interactions, item_text(store.read(ITEMS), ids[1]), origin, choices),
        {table.name: store.version(table) for table in (EVENTS, USER_IDS, ITEM_IDS, ITEMS)} | {"interactions": of.model_dump(mode="json")},
        truth_of(future, interactions, item_categories(store.read(ITEMS), ids[1]), settings.evaluation),
        settings.evaluation,
        settings.gate,
        settings.recommend.blocks.grid(store.count(USER_IDS), store.count(ITEM_IDS)),
        settings.seed,
    )


def _told(measure: partial[tuple[float, str]], settings: dict[str, object], share: float) -> tuple[float, str]:
    value, run_id = measure(settings, share)
    console.say(f"  {share:4.0%} of users  {value:.4f}  {settings}")
    return value, run_id


def _short(trial: Trial, fixed: dict[str, object]) -> str:
    """The trial's value and the settings that differ from those configured."""
    changed = {key: value for key, value in trial.settings.items() if fixed.get(key) != value}
    return f"{trial.value:.4f} with {changed or 'the settings as configured'}"
