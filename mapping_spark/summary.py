"""What came out: the tables a person wants to see after a run, read back from the warehouse."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import functions as F

from mapping_spark.console import interval, say, show
from mapping_spark.evaluation.gate import GateConfig
from mapping_spark.job import Outcome
from mapping_spark.tables.gold import CAMPAIGN_KPIS, MODEL_METRICS, MODEL_RUNS, PROMOTIONS, RECOMMENDATIONS
from mapping_spark.tables.measures import measure
from mapping_spark.tables.ops import EVENT_ACCOUNTING, JOB_RUNS
from mapping_spark.tables.silver import CAMPAIGNS, ITEMS, QUARANTINE
from mapping_spark.tables.store import Store

N_USERS_SHOWN = 10
N_ITEMS_SHOWN = 3
CUT_OFF = 10


def show_summary(store: Store, as_of: dt.date, outcomes: Sequence[Outcome]) -> None:
    """Everything, in the order an event takes; each reads a small table."""
    show_accounting(store)
    show_models(store, as_of)
    show_promotions(store, as_of)
    show_recommendations(store, as_of)
    show_campaigns(store)
    show_jobs_run(store, as_of)
    changed = [outcome for outcome in outcomes if outcome.status != "unchanged"]
    say("" if changed else "\nNothing changed: every job had already run on these inputs, settings and code.")
    show_next(as_of)


def show_accounting(store: Store) -> None:
    """Where every delivered record went, and why records were rejected."""
    counts = ("n_in", "n_clean", "n_duplicate", "n_quarantined", "n_late")
    sums = store.read(EVENT_ACCOUNTING).groupBy("source").agg(*(F.sum(name).alias(name) for name in counts)).orderBy(F.desc("n_in"))
    found = [tuple(row) for row in sums.collect()]
    rows = [(*row, "yes" if row[1] == sum(row[2:]) else "NO") for row in found]
    show(
        "Events: in = clean + duplicate + quarantined + late", ("source", "in", "clean", "duplicate", "quarantined", "late", "equal"), rows
    )
    reasons = store.read(QUARANTINE).groupBy("source", "reason_codes", "reason").count().orderBy(F.desc("count"), "reason_codes").limit(10)
    show("Rejected, by reason (silver.quarantine)", ("source", "codes", "reason", "records"), [tuple(row) for row in reasons.collect()])


def show_models(store: Store, as_of: dt.date) -> None:
    """The models side by side, best first on what is new to the household, with 95 % bootstrap intervals over users."""
    of_date = (F.col("as_of_date") == F.lit(as_of)) & (F.col("segment") == "all")
    metrics = store.read(MODEL_METRICS).where(of_date & (F.col("k") == CUT_OFF))
    found = {(row.model, row.protocol, row.metric): row for row in metrics.collect()}  # one row per model, protocol, metric
    runs = store.read(MODEL_RUNS).where(F.col("as_of_date") == F.lit(as_of))
    seconds = {row.run_id: row.train_seconds for row in runs.select("run_id", "train_seconds").collect()}
    for protocol, meaning in (("all_items", "everything bought afterwards counts"), ("new_items", "only items new to the household count")):
        of_protocol = {model for model, name, _ in found if name == protocol}
        ranked = sorted(of_protocol, key=lambda model: -(found[model, protocol, "ndcg"].value or 0.0))
        rows = []
        for model in ranked:
            cells = [found[model, protocol, name] for name in ("ndcg", "hit_rate", "recall", "coverage", "novelty")]
            ndcg, hit_rate = (interval(cell.value, cell.ci_low, cell.ci_high) for cell in cells[:2])
            rest = [interval(cell.value, None, None, 3) for cell in cells[2:]]
            rows.append((model, ndcg, hit_rate, *rest, f"{seconds.get(cells[0].run_id, 0):.1f}"))
        users = f"{found[ranked[0], protocol, 'ndcg'].n_users:,} users" if ranked else "no users"
        header = ("model", f"NDCG@{CUT_OFF}", f"hit rate@{CUT_OFF}", "recall", "coverage", "novelty, bits", "fit, s")
        show(f"Models, {protocol}: {meaning} ({users}, from {as_of} on)", header, rows)
    say("Settings were chosen on November 2017 (make tune), figures are for December; intervals are 95 % bootstrap over users.")


def show_backtest(store: Store, gate: GateConfig, dates: Sequence[dt.date]) -> None:
    """The gate's metric of every model, a column per date."""
    chosen = (F.col("metric") == gate.metric) & (F.col("k") == gate.k) & (F.col("protocol") == gate.protocol) & (F.col("segment") == "all")
    measured = store.read(MODEL_METRICS).where(chosen & F.col("as_of_date").isin(list(dates)))
    found = {(row.model, row.as_of_date): row for row in measured.collect()}  # one row per model and date
    blank = (None, None, None)
    rows = []
    for model in sorted({model for model, _ in found}):
        cells = [found.get((model, date)) for date in sorted(dates)]
        rows.append((model, *(interval(*((cell.value, cell.ci_low, cell.ci_high) if cell else blank)) for cell in cells)))
    show(f"Rolling origin, {gate.compared} (gold.model_metrics)", ("model", *(str(date) for date in sorted(dates))), rows)


def show_promotions(store: Store, as_of: dt.date) -> None:
    """Who was judged by the gate, and why it goes out or not."""
    decided = store.read(PROMOTIONS).where(F.col("as_of_date") == F.lit(as_of)).orderBy("decided_at", F.desc("verdict"), "model")
    rows = [(row.model, row.verdict, interval(row.delta, row.ci_low, row.ci_high), row.reason) for row in decided.collect()]
    metric = next((row.metric for row in decided.limit(1).collect()), "nothing")
    show(f"Gate: {metric}, candidate less champion or best baseline (gold.promotions)", ("model", "verdict", "delta", "why"), rows)


def show_recommendations(store: Store, as_of: dt.date) -> None:
    """A few users' first items with their reasons."""
    slice_ = store.read(RECOMMENDATIONS).where((F.col("as_of_date") == F.lit(as_of)) & (F.col("rank") <= N_ITEMS_SHOWN))
    users = slice_.select("user_id").distinct().orderBy(F.xxhash64("user_id"), "user_id").limit(N_USERS_SHOWN)
    titles = store.read(ITEMS).select("item_id", F.initcap("title").alias("title"))
    shown = slice_.join(F.broadcast(users), on="user_id", how="inner").join(titles, on="item_id", how="left")
    rows = (
        shown.orderBy(F.xxhash64("user_id"), "user_id", "rank").select("user_id", "rank", "item_id", "title", "stage", "reason").collect()
    )
    blank = [("" if row.rank > 1 else row.user_id, *tuple(row)[1:]) for row in rows]
    title = f"Ten households, their first {N_ITEMS_SHOWN} of {CUT_OFF} recommendations (gold.recommendations)"
    show(title, ("user", "rank", "item", "title", "stage", "reason"), blank)


def show_campaigns(store: Store) -> None:
    """Campaign KPIs with intervals, rolled up over segments."""
    kinds = store.read(CAMPAIGNS).select("campaign_id", "campaign_type")
    measured = measure(store.read(CAMPAIGN_KPIS), CAMPAIGN_KPIS, "campaign_id").join(kinds, on="campaign_id", how="left")
    rows = []
    for row in measured.orderBy(F.desc("n_users"), "campaign_id").collect():  # one row per campaign
        rate = interval(row.redemption_rate, row.redemption_rate_low, row.redemption_rate_high, 3)
        per_user = interval(row.revenue_per_user, row.revenue_per_user_low, row.revenue_per_user_high, 2)
        roi = interval(row.roi, row.roi_low, row.roi_high, 2)
        rows.append((row.campaign_id, row.campaign_type, row.n_users, row.n_conversions, rate, per_user, f"{row.revenue:.0f}", roi))
    header = ("campaign", "type", "users", "redeemed", "redemption rate", "revenue per user", "revenue", "ROI")
    note = "A send's cost and the gross margin are assumptions (conf/: 0.50, 0.25). There is no control group: none of this is an effect."
    show("Campaigns (gold.campaign_kpis), 95 % intervals from the stored sums", header, rows, note)


def show_jobs_run(store: Store, as_of: dt.date) -> None:
    """How long and how fast each job was, the latest successful run of each."""
    runs = store.read(JOB_RUNS).where((F.col("as_of_date") == F.lit(as_of)) & (F.col("status") == "succeeded"))
    latest = runs.groupBy("job").agg(F.max_by(F.struct(*runs.columns), "ended_at").alias("run")).select("run.*").orderBy("ended_at")
    rows = []
    for row in latest.collect():  # one row per job
        seconds = (row.ended_at - row.started_at).total_seconds()
        rate = f"{row.rows_in / seconds:,.0f}" if seconds else "-"
        rows.append((row.job, row.rows_in, row.rows_out, f"{seconds:.1f}", rate, row.peak_memory_mb))
    total = f"{sum(float(row[3]) for row in rows):.0f} s in all"
    show(f"Jobs (ops.job_runs), latest run each: {total}", ("job", "rows in", "rows out", "seconds", "rows/s", "peak MB"), rows)


def show_next(as_of: dt.date) -> None:
    """What to try now."""
    commands = (
        ("mapping-spark tables gold.recommendations", "what every column means"),
        ("mapping-spark jobs", "the jobs, what they read and write"),
        (f"mapping-spark run recommend --env demo --as-of {as_of} --set recommend.k=20", "longer lists"),
        (f"mapping-spark run recommend --env demo --as-of {as_of} --set recommend.model=mf_bpr", "the deep model's own lists"),
        (f"spark-submit jobs/campaign_kpis.py --env demo --as-of {as_of} --dry-run", "one job, without writing"),
        ("make demo", "again: nothing changes"),
    )
    show("Next (after: source .venv/bin/activate)", ("command", "what it does"), commands)
