"""From a table of who chose what to recommendations, similar items, metrics and a picture, in a few lines of a prompt or a notebook.

    history = History.of(orders, as_of="2017-12-01")
    taste = history.fit("als", rank=32)
    taste.recommend(["u1"], k=5)

Ids go in and come out as they stand in the caller's table; the integers that models use stay inside. It is the road of the
jobs, by the same functions, without tables: nothing is written but what `History.train` keeps in its folder.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.utils import is_remote

from mapping_spark.console import interval
from mapping_spark.errors import ConfigError, EnvironmentFault
from mapping_spark.evaluation.compare import Protocol, compare, truth_of
from mapping_spark.evaluation.evaluate import ALL
from mapping_spark.evaluation.settings import EvaluationConfig
from mapping_spark.evaluation.splits import ALL_ITEMS
from mapping_spark.features.id_maps import extend_ids
from mapping_spark.features.interactions import InteractionsConfig, build_choices, build_interactions, future_interactions
from mapping_spark.features.item_text import item_categories, item_text
from mapping_spark.features.plain_tables import EVENT_COLUMNS, ITEM_COLUMNS, Frame, as_catalogue, as_events, in_spark
from mapping_spark.features.snapshot import GROUPS_PER_RANK, Content, SnapshotConfig, ensure, interaction_rows, sequence_rows, state_of
from mapping_spark.models import registry
from mapping_spark.models.base import DeepVectorModel, FusionModel, ModelConfig, TrainingData, VectorModel, Vectors
from mapping_spark.models.fitting import Fitted
from mapping_spark.recommend.publish import build_similar_items
from mapping_spark.recommend.retrieve import Request, seen
from mapping_spark.recommend.serve import lists_of
from mapping_spark.recommend.settings import BlockConfig, Grid
from mapping_spark.recommend.topk import similar_items
from mapping_spark.session import build_session
from mapping_spark.tables.contract import Table
from mapping_spark.tables.frames import empty, small
from mapping_spark.tables.silver import ITEM_IDS, ITEMS, USER_IDS
from mapping_spark.training.manifest import Shape
from mapping_spark.training.settings import TrainingConfig

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEED = 7


@dataclass(frozen=True, slots=True, repr=False)
class History:
    """Who chose what before a date (`data`), and every event, also later ones, by which models are judged. See `History.of`."""

    data: TrainingData
    events: DataFrame
    user_ids: DataFrame
    item_ids: DataFrame
    categories: DataFrame
    config: InteractionsConfig
    n_pairs: int
    n_users: int
    n_items: int
    """Users and items of the whole frame, those that come later included."""

    @classmethod
    def of(cls, events: Frame, as_of: dt.date | str, *, items: Frame | None = None, config: InteractionsConfig | None = None) -> History:
        """The history before `as_of` in `events`, a Spark or pandas frame of one row per choice; silver.events is such a frame.

        Read are user_id, item_id, event_at (UTC), and where they are there: weight (above 0, default 1), event_type (default
        `purchase`; `config` says which count), event_date (business day, default that of event_at in UTC), session_id (what
        was taken together), value and event_id. `items`: (item_id, text, category), one row per item, for models of words and
        for metrics of categories; silver.items is such a frame. Counts at once and keeps what it counted in the session.
        Raises `ContractError` naming the columns that lack, `ConfigError` for a date that is none.
        """
        settings, date = config or InteractionsConfig(), _date(as_of)
        spark = events.sparkSession if isinstance(events, DataFrame) else build_session("mapping_spark prompt")
        rows = as_events(in_spark(spark, events, EVENT_COLUMNS))
        user_ids, item_ids = (_ids(rows, table) for table in (USER_IDS, ITEM_IDS))
        catalogue = empty(spark, ITEMS) if items is None else as_catalogue(in_spark(spark, items, ITEM_COLUMNS))
        pairs = build_interactions(rows, user_ids, item_ids, as_of=date, config=settings).localCheckpoint()
        choices = build_choices(rows, user_ids, item_ids, as_of=date, config=settings).localCheckpoint(eager=False)
        sizes = (pairs.count(), user_ids.count(), item_ids.count())
        data = TrainingData(pairs, item_text(catalogue, item_ids), date, choices)
        return cls(data, rows, user_ids, item_ids, item_categories(catalogue, item_ids), settings, *sizes)

    def fit(self, model: str, *members: Model, **settings: Any) -> Model:
        """The model of that name (`mapping_spark/models/<name>.py`) with its settings, fitted; a fusion model takes its fitted `members`.

        Raises `ConfigError` for a wrong name or setting, with the nearest known one, and for a deep model (see `train`).
        """
        config = registry.parse_configs({member.name: member.config.model_dump() for member in members} | {model: settings})[model]
        built, began = registry.build(model, config, SEED), time.monotonic()
        if isinstance(built, VectorModel):
            found = {model: Fitted(model, vectors=_kept(built.fit(self.data)))}
        elif isinstance(built, FusionModel):
            found = {name: fitted for member in members for name, fitted in member.parts.items()} | {model: Fitted(model, fusion=built)}
        else:
            raise ConfigError(f"fit({model!r})", "a deep model", "one that is fitted at once", f"Say train({model!r}, folder).")
        return Model(model, config, self, found, time.monotonic() - began)

    def train(self, model: str, folder: str, training: TrainingConfig | None = None, **settings: Any) -> Model:
        """The deep model of that name, trained on Horovod ranks over Spark (one rank: in this process) on a snapshot of this history.

        Snapshot, checkpoints and weights lie under `folder`, which every executor sees: the same training again reads its
        weights, one that was stopped goes on. Raises `ConfigError` with the numbers where the plan does not fit, or for a
        model that is no deep vector model; `TrainingFault` where a rank stopped; `EnvironmentFault` over Spark Connect.
        """
        if is_remote():
            fix = "Run it in a notebook of the cluster itself, or submit the job train_deep."
            raise EnvironmentFault(f"train({model!r})", "a Spark Connect session", "Spark's own driver, which starts the ranks", fix)
        from mapping_spark.models import deep  # torch: only where a deep model is trained

        config = registry.parse_configs({model: settings})[model]
        built, how, began = registry.build(model, config, SEED), training or TrainingConfig(), time.monotonic()
        if not isinstance(built, DeepVectorModel):
            raise ConfigError(f"train({model!r})", "no deep model with vectors", "one such as mf_bpr", f"Say fit({model!r}).")
        spark, snapshot = self.events.sparkSession, self._snapshot(built, how.ranks, folder)
        trained = deep.Trained(built, folder, snapshot, how)
        if not trained.weights.is_there:
            deep.train(spark, trained)
        found = Fitted(model, vectors=_kept(deep.vectors(spark, trained, built)))
        return Model(model, config, self, {model: found}, time.monotonic() - began, tuple(trained.weights.facts()["epochs"]))

    def _snapshot(self, model: DeepVectorModel, ranks: int, folder: str) -> str:
        """The folder of a snapshot of this history in the model's shape, in files small enough for so many ranks."""
        shape: Shape = "sequences" if model.shape == "sequences" else "interactions"
        pairs = self.data.interactions
        n_users = pairs.select("user_idx").distinct().count()  # a user has many pairs
        fits = {"pairs_per_group": self.n_pairs, "windows_per_group": n_users}
        sizes = {name: min(SnapshotConfig().model_dump()[name], max(1, rows // (GROUPS_PER_RANK * ranks))) for name, rows in fits.items()}
        layout, ids = SnapshotConfig(largest_world=ranks, **sizes), (self.user_ids, self.item_ids)
        content = Content(shape, self.data.as_of, {}, self.n_users, self.n_items, self.config, layout)
        rows = interaction_rows(pairs) if shape == "interactions" else sequence_rows(self.events, *ids, content)
        return ensure(rows, replace(content, versions={"history": state_of(rows)}), folder, dt.datetime.now(dt.UTC))

    def evaluate(self, *models: Model, days: int = 31, ks: Sequence[int] = (10,)) -> Judged:
        """What the models' lists are worth by the choices of the `days` business days from the date on, with 95 % intervals over users.

        All metrics of `evaluation/metrics.py` at the cut-offs `ks`, under both protocols: every item counts, or only those new
        to the user. A fusion model's members are judged beside it. Raises `ConfigError` where two models have one name.
        """
        fitted: dict[str, Fitted] = {}
        for name, one in ((name, one) for model in models for name, one in model.parts.items()):
            if fitted.setdefault(name, one) is not one:
                raise ConfigError("evaluate", f"two models called {name}", "a name each", f"Rename one: model.called('{name}_2').")
        config = EvaluationConfig(days=days, ks=tuple(ks))
        ids, as_of = (self.user_ids, self.item_ids), self.data.as_of
        future = future_interactions(self.events, *ids, as_of=as_of, until=config.until(as_of), config=self.config)
        truth = truth_of(future, self.data.interactions, self.categories, config)
        return Judged(compare(fitted, truth, Protocol(as_of, config, self.grid, SEED)).metrics.toPandas())

    @property
    def grid(self) -> Grid:
        """Blocks of a search over its users and items."""
        return BlockConfig().grid(self.n_users, self.n_items)

    def __repr__(self) -> str:
        return f"History before {self.data.as_of}: {self.n_pairs:,} pairs of {self.n_users:,} users and {self.n_items:,} items"


@dataclass(frozen=True, slots=True, repr=False)
class Model:
    """A fitted model: `History.fit` makes it."""

    name: str
    config: ModelConfig
    history: History
    parts: Mapping[str, Fitted]
    """Itself and, for a fusion model, its members, by name."""
    seconds: float
    epochs: Sequence[Mapping[str, float]] = ()
    """How each epoch of a deep model went, as in gold.training_epochs."""

    def recommend(self, users: Sequence[str] | None = None, k: int = 10, *, exclude_seen: bool = False) -> DataFrame:
        """(user_id, rank int from 1, item_id, score double): at most k rows per user, for all users or those named.

        A user the model does not know has no rows. `exclude_seen`: only items that are new to the user. A score is comparable
        within one model; its meaning stands in the model's docstring.
        """
        history = self.history
        wanted = None if users is None else _named(history.user_ids, users)
        exclude = seen(history.data.interactions) if exclude_seen else None
        request = Request(k=k, users=wanted, exclude=exclude, grid=history.grid)
        lists = lists_of(self.name, self.parts, history.data.interactions, request)
        named = lists.join(history.user_ids, on="user_idx", how="inner").join(
            history.item_ids, on="item_idx", how="inner"
        )  # one row per id
        return named.select("user_id", "rank", "item_id", "score").orderBy("user_id", "rank")

    def similar_items(self, items: Sequence[str] | None = None, k: int = 10) -> DataFrame:
        """(item_id, rank int from 1, similar_item_id, score double): the k items most like each item, or like those named.

        Raises `ConfigError` where the model has no notion of likeness.
        """
        history, vectors = self.history, self.parts[self.name].retrieving
        if items is not None and vectors.similar_from is not None:
            asked = vectors.similar_from.join(_named(history.item_ids, items), on="item_idx", how="left_semi")
            vectors = replace(vectors, similar_from=asked)
        found = similar_items(vectors, k, grid=history.grid)
        named = build_similar_items(found, history.item_ids, as_of=history.data.as_of, model=self.name, run_id=self.name)
        return named.select("item_id", "rank", "similar_item_id", "score").orderBy("item_id", "rank")

    def called(self, name: str) -> Model:
        """The same model under another name, to compare it with one of other settings."""
        others = {each: fitted for each, fitted in self.parts.items() if each != self.name}
        return replace(self, name=name, parts=others | {name: replace(self.parts[self.name], run_id=name)})

    def __repr__(self) -> str:
        settings = ", ".join(f"{key}={value!r}" for key, value in self.config.model_dump(exclude_unset=True).items())
        return f"{self.name}({settings}) fitted in {self.seconds:.1f} s on the {self.history!r}"


@dataclass(frozen=True, slots=True, repr=False)
class Judged:
    """What came out of an evaluation: `metrics` holds the rows of gold.model_metrics."""

    metrics: pd.DataFrame

    def table(self, metric: str = "ndcg", k: int | None = None) -> pd.DataFrame:
        """The models, best first, with the value and 95 % interval of a metric by protocol; `k`: by default the longest list."""
        rows = self._of(metric, k)
        known = rows.astype(object).where(rows.notna(), None)  # pandas has NaN for null
        cells = rows.assign(text=[interval(row.value, row.ci_low, row.ci_high) for row in known.itertuples()])
        best_first = list(dict.fromkeys(rows.sort_values(["value", "model"], ascending=[False, True])["model"]))
        return cells.pivot(index="model", columns="protocol", values="text").loc[best_first]

    def picture(self, metric: str = "ndcg", k: int | None = None, protocol: str = ALL_ITEMS) -> Figure:
        """Dot and whisker per model."""
        from mapping_spark.evaluation.pictures import metric_by_model  # matplotlib: only where a picture is wanted

        rows = self._of(metric, k)
        return metric_by_model(rows[rows["protocol"] == protocol])

    def _of(self, metric: str, k: int | None) -> pd.DataFrame:
        """The rows of a metric at a cut-off, over all users."""
        known = sorted(set(self.metrics["metric"]))
        rows = self.metrics[(self.metrics["metric"] == metric) & (self.metrics["segment"] == ALL)]
        chosen = rows[rows["k"] == (rows["k"].max() if k is None else k)]
        if chosen.empty:
            raise ConfigError("an evaluation", f"no {metric}@{k}", f"one of {known} at {sorted(set(rows['k']))}", "Mend the name or k.")
        return chosen

    def __repr__(self) -> str:
        k = self._of("ndcg", None)["k"].iloc[0]
        return f"ndcg@{k} with 95 % intervals over users\n{self.table()}"


def _date(given: dt.date | str) -> dt.date:
    try:
        return dt.date.fromisoformat(given) if isinstance(given, str) else given
    except ValueError:
        raise ConfigError("as_of", repr(given), "YYYY-MM-DD", "Give an ISO date such as 2017-12-01.") from None


def _ids(rows: DataFrame, table: Table) -> DataFrame:
    return extend_ids(empty(rows.sparkSession, table), rows, table).localCheckpoint()


def _named(ids: DataFrame, names: Sequence[str]) -> DataFrame:
    """The rows of an id map with these ids."""
    key = ids.columns[0]
    wanted = small(ids.sparkSession, [(str(name),) for name in dict.fromkeys(names)], f"{key} string")
    return ids.join(F.broadcast(wanted), on=key, how="left_semi")


def _kept(vectors: Vectors) -> Vectors:
    """The vectors computed once and kept in the session; a frame in two roles is one frame."""
    roles = {role.name: frame for role in fields(Vectors) if (frame := getattr(vectors, role.name)) is not None}
    kept = {key: frame.localCheckpoint() for key, frame in {id(frame): frame for frame in roles.values()}.items()}
    return Vectors(**{name: kept[id(frame)] for name, frame in roles.items()})
