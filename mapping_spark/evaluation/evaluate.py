"""Lists in, metrics out: every run, protocol, metric, cut-off and segment together, from one pass over the users.

The rows of lists, relevance and history of a user meet in one partition, by one shuffle without a sort or a join. There
`judge.py` turns a partition into sums per metric and bootstrap replicate, and only sums travel on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import pairwise

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mapping_spark.errors import ConfigError
from mapping_spark.evaluation.judge import FOUND, STREAM, VECTOR, Context, Kind, Quantity, judged, user_values
from mapping_spark.evaluation.means import MEANS, exposure, means
from mapping_spark.evaluation.metrics import cut_offs
from mapping_spark.evaluation.settings import EvaluationConfig
from mapping_spark.session import task_slots
from mapping_spark.tables.frames import conform
from mapping_spark.tables.gold import METRIC_REPLICATES, MODEL_DISTRIBUTIONS, MODEL_METRICS
from mapping_spark.tables.store import Store

ALL, LARGEST_GAP = "all", "largest_gap"
TAIL_SHARE = 0.2
"""Share of all interactions that the long tail holds together."""
_CELLS_PER_PARTITION = 2_000_000
_BYTES_PER_CELL = 48


@dataclass(frozen=True, slots=True)
class RunLists:
    """The lists of one run under one protocol."""

    run_id: str
    model: str
    protocol: str
    lists: DataFrame
    """(user_idx bigint, item_idx bigint, rank int from 1, optional score double). A rank that is missing is an empty place; an
    item twice counts at its better rank; of two items at one rank the smaller number stays; a null rank is no place."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What lists are judged by."""

    relevant: DataFrame
    """(protocol, user_idx, item_idx, optional gain double > 0), see `relevant_items`; without `gain` every item gains 1."""
    interactions: DataFrame
    """(user_idx, item_idx), one row per pair of training: its users are the known users, its items the catalogue."""
    categories: DataFrame | None = None
    """(item_idx, category string), one row per item."""
    segments: DataFrame | None = None
    """(user_idx, segment string), one row per known user."""
    vectors: DataFrame | None = None
    """(item_idx, vector array<float>), one row per item."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came out: rows of three tables of gold, from one pass over the users."""

    metrics: DataFrame
    """gold.model_metrics."""
    replicates: DataFrame
    """gold.metric_replicates."""
    distributions: DataFrame
    """gold.model_distributions."""

    as_of: dt.date

    def write(self, store: Store) -> None:
        """Replace the date's slice of each table."""
        for table, frame in (
            (MODEL_METRICS, self.metrics),
            (METRIC_REPLICATES, self.replicates),
            (MODEL_DISTRIBUTIONS, self.distributions),
        ):
            store.replace_slice(table, frame, {"as_of_date": self.as_of})


def evaluate(runs: Sequence[RunLists], truth: Truth, config: EvaluationConfig, *, as_of: dt.date, seed: int) -> Evaluation:
    """Every metric of every run at every cut-off, for everyone and by segment, with 95 % intervals over users.

    Accuracy: mean over users with something relevant; one without a list counts 0. The other metrics: mean over users with a
    list. `n_users_skipped`: known users whom a metric leaves out. The segment `largest_gap` is the largest less the smallest
    value of the segments. Exposure metrics (coverage, gini, entropy) have no interval. With `n_replicates` = 0 no row has one.
    Where nobody counts, values are null. Runs a Spark job at once: the pass, of which sums are kept.
    Raises `ConfigError` for cut-offs that make no sense, for no runs, and for a run and protocol twice.
    """
    stage = _Stage.of(runs, truth, config, seed)
    found = stage.stream.mapInArrow(partial(judged, context=stage.context), FOUND).localCheckpoint()
    rows = stage.named(_user_rows(found, stage)).unionByName(stage.named(_exposure_rows(found, stage)))
    dated = rows.withColumn("as_of_date", F.lit(as_of))
    has_interval = F.size("means") > 1
    distributions = stage.named(_distributions(found, stage)).withColumn("as_of_date", F.lit(as_of))
    return Evaluation(
        conform(dated, MODEL_METRICS),
        conform(dated.where(has_interval), METRIC_REPLICATES),
        conform(distributions, MODEL_DISTRIBUTIONS),
        as_of,
    )


def user_metrics(runs: Sequence[RunLists], truth: Truth, ks: Sequence[int]) -> DataFrame:
    """Each user's own values: (run_id, model, protocol, user_idx, `ndcg@5` ... double), null where the user does not count.

    One row per run, protocol and user whom training knew, to whom something is relevant or who has a list in any run.
    """
    stage = _Stage.of(runs, truth, EvaluationConfig(ks=tuple(ks)), seed=0)
    schema = "list int, user_idx bigint, numbers array<double>"
    values = stage.stream.mapInArrow(partial(user_values, context=stage.context), schema)
    names = [f"{metric}@{k}" for metric, k in stage.context.columns]
    wide = [F.nanvl(F.col("numbers")[at], F.lit(None).cast("double")).alias(name) for at, name in enumerate(names)]
    return stage.named(values).select("run_id", "model", "protocol", "user_idx", *wide)


def by_history(interactions: DataFrame, bounds: Sequence[int]) -> DataFrame:
    """Segments by how many items training knows of a user: (user_idx, segment), for bounds (20, 100) of three:
    `items 1-19`, `items 20-99`, `items 100+`."""
    n_items = F.count("*").alias("n_items")
    edges = [1, *bounds]
    names = [f"items {low}-{high - 1}" for low, high in pairwise(edges)] + [f"items {edges[-1]}+"]
    segment = F.lit(names[0])
    for low, name in zip(edges[1:], names[1:], strict=True):
        segment = F.when(F.col("n_items") >= low, name).otherwise(segment)
    return interactions.groupBy("user_idx").agg(n_items).select("user_idx", segment.alias("segment"))


@dataclass(frozen=True, slots=True)
class _Stage:
    """The runs as one stream of rows, and what turns codes back into names."""

    runs: Sequence[RunLists]
    segments: Sequence[str]
    items: DataFrame
    catalogue: int
    context: Context
    stream: DataFrame

    @classmethod
    def of(cls, runs: Sequence[RunLists], truth: Truth, config: EvaluationConfig, seed: int) -> _Stage:
        keys = [(run.run_id, run.protocol) for run in runs]
        if not runs or len(set(keys)) < len(keys):
            raise ConfigError("evaluate", f"the runs {keys}", "at least one run, each protocol of a run once", "Mend the runs.")
        ks = cut_offs(config.ks)
        protocols = sorted({run.protocol for run in runs})
        holders = truth.interactions.groupBy("item_idx").agg(F.count("*").alias("n_holders")).localCheckpoint()
        facts = _catalogue_facts(holders, int(ks[-1]))
        n_known = truth.interactions.agg(F.count_distinct("user_idx")).first()[0]  # type: ignore[index]
        segments = [] if truth.segments is None else sorted(row.segment for row in truth.segments.select("segment").distinct().collect())
        context = Context(
            protocols=tuple(protocols.index(run.protocol) for run in runs),
            n_segments=len(segments),
            ks=tuple(int(k) for k in ks),
            n_replicates=config.n_replicates,
            seed=seed,
            n_known_users=max(n_known, 1),
            tail_limit=facts.tail_limit,
            popular=facts.popular,
            has_categories=truth.categories is not None,
            has_vectors=truth.vectors is not None,
        )
        items = holders.join(truth.categories, on="item_idx", how="left") if truth.categories is not None else holders
        items = items.join(truth.vectors, on="item_idx", how="left") if truth.vectors is not None else items
        stream = _stream(runs, truth, protocols, segments, items, int(ks[-1]))
        width = _BYTES_PER_CELL + (0 if truth.vectors is None else 512)
        cells = len(runs) * n_known * int(ks[-1]) * width // _BYTES_PER_CELL
        n_partitions = max(cells // _CELLS_PER_PARTITION + 1, task_slots(holders.sparkSession))
        return cls(runs, [ALL, *segments, LARGEST_GAP], holders, facts.n_items, context, stream.repartition(n_partitions, "user_idx"))

    def named(self, frame: DataFrame) -> DataFrame:
        """Replace `list`, and `segment` where there is one, by what they stand for."""
        names = F.array(*(F.struct(*(F.lit(getattr(run, key)).alias(key) for key in ("run_id", "model", "protocol"))) for run in self.runs))
        named = frame.select(F.get(names, F.col("list")).alias("run"), *(column for column in frame.columns if column != "list"))
        if "segment" in frame.columns:
            named = named.withColumn("segment", F.get(F.array(*map(F.lit, self.segments)), F.col("segment")))
        return named.select("run.*", *(column for column in named.columns if column != "run"))


@dataclass(frozen=True, slots=True)
class _CatalogueFacts:
    n_items: int
    tail_limit: float
    popular: dict[int, int]


def _catalogue_facts(holders: DataFrame, depth: int) -> _CatalogueFacts:
    """What is small of the catalogue: its size, where the tail begins, and its `depth` most popular items (ties by number)."""
    counts = pd.DataFrame(holders.groupBy("n_holders").count().toPandas()).sort_values(
        "n_holders"
    )  # as many rows as there are different counts
    share = (counts["n_holders"] * counts["count"]).cumsum() / max((counts["n_holders"] * counts["count"]).sum(), 1)
    tail = counts["n_holders"][share <= TAIL_SHARE]
    first = holders.orderBy(F.desc("n_holders"), "item_idx").limit(depth).collect()
    return _CatalogueFacts(
        n_items=int(counts["count"].sum()),
        tail_limit=float(tail.max()) if len(tail) else 0.0,
        popular={row.item_idx: place for place, row in enumerate(first, start=1)},
    )


def _stream(
    runs: Sequence[RunLists], truth: Truth, protocols: Sequence[str], segments: Sequence[str], items: DataFrame, depth: int
) -> DataFrame:
    category = F.xxhash64("category").alias("category") if truth.categories is not None else None
    attributes = [F.col("item_idx"), F.col("n_holders").cast("double").alias("number")]
    attributes += [F.when(F.col("category").isNotNull(), category).alias("category")] if category is not None else []
    attributes += [F.col("vector")] if truth.vectors is not None else []
    shown = reduce(DataFrame.unionByName, [_places(run, code, depth) for code, run in enumerate(runs)])
    parts = [shown.join(items.select(*attributes), on="item_idx", how="left").withColumnRenamed("item_idx", "item")]
    protocol = F.array_position(F.array(*map(F.lit, protocols)), F.col("protocol")) - 1
    gain = F.col("gain") if "gain" in truth.relevant.columns else F.lit(1.0)
    relevant = truth.relevant.where(F.col("protocol").isin(list(protocols)) & F.col("item_idx").isNotNull())
    parts.append(
        relevant.select("user_idx", _kind(Kind.RELEVANT), protocol.alias("code"), F.col("item_idx").alias("item"), gain.alias("number"))
    )
    known = truth.interactions.select("user_idx").distinct()
    code = F.lit(0)
    if truth.segments is not None:
        known = known.join(truth.segments, on="user_idx", how="left")
        code = F.array_position(F.array(*map(F.lit, segments)), F.col("segment"))
    parts.append(known.select("user_idx", _kind(Kind.KNOWN), F.coalesce(code, F.lit(0)).alias("code")))
    if truth.categories is not None:
        history = truth.interactions.join(truth.categories, on="item_idx", how="inner").where(F.col("category").isNotNull())
        counted = history.groupBy("user_idx", F.xxhash64("category").alias("category")).agg(F.count("*").alias("number"))
        parts.append(counted.select("user_idx", _kind(Kind.HISTORY), "category", "number"))
    fields = [*STREAM.split(", "), *([VECTOR] if truth.vectors is not None else [])]
    return reduce(DataFrame.unionByName, [_of_stream(part, fields) for part in parts])


def _places(run: RunLists, code: int, depth: int) -> DataFrame:
    score = F.col("score").cast("double") if "score" in run.lists.columns else F.lit(None).cast("double")
    places = run.lists.where(F.col("rank").between(1, depth) & F.col("item_idx").isNotNull())
    return places.select(
        "user_idx", "item_idx", _kind(Kind.PLACE), F.lit(code).alias("code"), F.col("rank").alias("place"), score.alias("score")
    )


def _kind(kind: Kind) -> Column:
    return F.lit(int(kind)).alias("kind")


def _of_stream(part: DataFrame, fields: Sequence[str]) -> DataFrame:
    """The columns of the stream; an absent one is 0 where it is a whole number, null elsewhere."""
    columns = []
    for field in fields:
        name, kind = field.split(" ")
        empty = F.lit(0) if name in ("code", "place", "item") else F.lit(None)
        columns.append((F.col(name) if name in part.columns else empty).cast(kind).alias(name))
    return part.select(*columns)


def _user_rows(found: DataFrame, stage: _Stage) -> DataFrame:
    """(list, segment, ...) of every metric that is a mean over users. One group per list: sums of its partitions."""
    sums = found.where(F.col("quantity") == int(Quantity.SUMS)).select("list", F.col("key").alias("segment"), "numbers")
    gap = len(stage.segments) - 1
    return sums.groupBy("list").applyInPandas(partial(means, context=stage.context, gap=gap), MEANS)


def _exposures(found: DataFrame, stage: _Stage) -> DataFrame:
    """(list, item, k, n_lists, n_holders): how many lists of length k show the item; a row of no item where nothing is shown."""
    shown = found.where(F.col("quantity") == int(Quantity.EXPOSURE))
    sums = [F.sum(F.col("numbers")[at]).cast("bigint").alias(f"{k}") for at, k in enumerate(stage.context.ks)]
    wide = shown.groupBy("list", F.col("key").alias("item_idx")).agg(*sums).join(stage.items, on="item_idx", how="left")
    long = wide.unpivot(["list", "item_idx", "n_holders"], [f"{k}" for k in stage.context.ks], "k", "n_lists")
    in_catalogue = F.col("n_holders").isNotNull()
    return long.select(
        "list", F.col("k").cast("int").alias("k"), F.when(in_catalogue, F.col("n_lists")).otherwise(0).alias("n_lists"), "n_holders"
    )


def _exposure_rows(found: DataFrame, stage: _Stage) -> DataFrame:
    """The metrics of all lists together; an item outside the catalogue does not count."""
    histogram = _exposures(found, stage).groupBy("list", "k", "n_lists").agg(F.count("*").alias("n_items"))
    measure = partial(exposure, catalogue=stage.catalogue, n_known_users=stage.context.n_known_users)
    return histogram.groupBy("list", "k").applyInPandas(measure, MEANS)


def _distributions(found: DataFrame, stage: _Stage) -> DataFrame:
    """(list, quantity, k, bin, n): how popular the shown items are, and how the scores lie."""
    octave = F.floor(2 * F.log2("n_holders")).cast("int").alias("bin")
    items = _exposures(found, stage).where(F.col("n_lists") > 0).groupBy("list", "k", octave).agg(F.sum("n_lists").alias("n"))
    scores = found.where(F.col("quantity") == int(Quantity.SCORES))
    binned = scores.groupBy("list", F.col("key").cast("int").alias("bin")).agg(F.sum(F.col("numbers")[0]).cast("bigint").alias("n"))
    depth = F.lit(stage.context.ks[-1])
    return items.withColumn("quantity", F.lit("item_popularity")).unionByName(binned.withColumns({"k": depth, "quantity": F.lit("score")}))
