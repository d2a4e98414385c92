"""Campaign KPIs of generated impressions, clicks and orders: against DuckDB on the same Parquet, and after 1 % new data.

    python benchmarks/kpis.py [--events 2500000 10000000 40000000] [--members 1000000]

Every contender reads the same files, joins the audience and the users, and writes sums by (business day, campaign, variant,
segment). `full` writes every day of the Delta table, `incremental` finds the days that new events touch and replaces these.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
from ad_conversion import roll_ups
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from mapping_spark.campaign.inputs import INPUTS, counted_events_of
from mapping_spark.campaign.outcomes import SUMS, summed
from mapping_spark.campaign.touched import touched_days
from mapping_spark.session import build_session
from mapping_spark.tables.campaigns import CAMPAIGN_DAILY_SEGMENT_KPIS
from mapping_spark.tables.contract import Table
from mapping_spark.tables.silver import CAMPAIGN_AUDIENCE, CAMPAIGNS, EVENTS, USERS
from mapping_spark.tables.store import Store

RESULTS = Path(__file__).parent / "results" / "kpis.json"
GROUP = ("date", "campaign_id", "variant", "segment")
SHOWN = ("n_impressions", "n_clicks", "n_purchases", "n_conversions", "revenue", "exclusive_revenue")
DAYS, CAMPAIGNS_N = 90, 200
FIRST = dt.date(2024, 1, 1)
DAILY = Table(
    name="gold.daily_kpis",
    grain="one row per (business day, campaign, variant, segment)",
    columns=tuple(c for c in CAMPAIGN_DAILY_SEGMENT_KPIS.columns if c.name in (*GROUP, *SUMS)),
    primary_key=GROUP,
    partition_by=("date",),
)
LIMITS = {"ours / DuckDB": 4.0, "full / incremental": 10.0}


def drawn(spark: SparkSession, first: int, n: int, day: str, members: int) -> DataFrame:
    """Events `first` to `first + n`: 85 % impressions, 12 % clicks, 3 % orders, each of a member of a campaign's audience."""
    draw = F.xxhash64(F.lit(7), "id")
    pair = F.pmod(draw, F.lit(members))
    kind = F.pmod(F.xxhash64(F.lit(8), "id"), F.lit(100))
    at = F.expr(f"timestamp_seconds(unix_seconds(timestamp(date_add(DATE'{FIRST}', CAST({day} AS INT)))) + pmod(xxhash64(9, id), 86400))")
    columns = {c.name: F.lit(None).cast(c.type) for c in EVENTS.columns} | {
        "event_id": F.concat(F.lit("e"), "id"),
        "user_id": member(pair, members),
        "event_type": F.when(kind < 85, "impression").when(kind < 97, "click").otherwise("purchase"),
        "event_at": at,
        "event_date": F.to_date(at),
        "value": F.when(kind >= 97, (F.pmod(F.xxhash64(F.lit(10), "id"), F.lit(10_000)) / 100).cast("decimal(18,4)")),
        "currency": F.when(kind >= 97, F.lit("EUR")),
        "campaign_id": campaign(pair),
        "source": F.lit("generated"),
        "batch_id": F.lit(first).cast("bigint"),
    }
    return spark.range(first, first + n).select(*(column.alias(name) for name, column in columns.items()))


def member(pair: Column, members: int) -> Column:
    """The user of a place in an audience; as many users as places, each in one campaign's."""
    return F.concat(F.lit("u"), F.pmod(pair * F.lit(7_919), F.lit(members)))


def campaign(pair: Column) -> Column:
    """The campaign of a place in an audience."""
    return F.concat(F.lit("c"), F.pmod(pair, F.lit(CAMPAIGNS_N)))


def reference(spark: SparkSession, members: int) -> dict[Table, DataFrame]:
    """Campaigns that list no items, their audiences, users in four segments."""
    pairs = spark.range(members)
    variant = F.when(F.pmod(F.xxhash64("id"), F.lit(10)) == 0, "control").when(F.pmod(F.xxhash64("id"), F.lit(2)) == 0, "a").otherwise("b")
    start = F.lit(dt.datetime.combine(FIRST, dt.time(), dt.UTC))
    return {
        CAMPAIGN_AUDIENCE: pairs.select(
            campaign(F.col("id")).alias("campaign_id"),
            member(F.col("id"), members).alias("user_id"),
            variant.alias("variant"),
            start.alias("assigned_at"),
        ),
        CAMPAIGNS: spark.range(CAMPAIGNS_N).select(
            F.concat(F.lit("c"), "id").alias("campaign_id"),
            F.lit("ad").alias("campaign_type"),
            F.lit("web").alias("channel"),
            start.alias("start_at"),
            F.lit(None).cast("timestamp").alias("end_at"),
            F.lit(0).cast("decimal(18,4)").alias("unit_cost"),
            F.lit(None).cast("decimal(18,4)").alias("budget"),
        ),
        USERS: spark.range(members).select(
            F.concat(F.lit("u"), "id").alias("user_id"),
            *(F.lit(None).cast("string").alias(n) for n in ("age_band", "income_band", "household_size", "household_type")),
            F.concat(F.lit("s"), F.pmod("id", F.lit(4))).alias("segment"),
            F.lit(True).alias("has_marketing_consent"),
        ),
    }


def lay_out(store: Store, n_events: int, members: int) -> None:
    """Fill the tables that are read."""
    for table in (*INPUTS, DAILY):
        store.create(table)
    for table, frame in reference(store.spark, members).items():
        store.replace_slice(table, frame, {})
    events = drawn(store.spark, 0, n_events, f"id % {DAYS}", members).repartition(8, "event_date")
    store.append_once(EVENTS, events, writer="generated", sequence=0)


def daily(store: Store, days: list[dt.date] | None) -> DataFrame:
    """What is timed of ours: the sums of some days, or of all."""
    return summed(counted_events_of(store.read, "EUR", days).withColumnRenamed("event_date", "date"), GROUP)


def in_spark(store: Store, path: str) -> None:
    """All days by Spark, as Parquet."""
    daily(store, None).write.parquet(path)


def renew(store: Store, before: dict[str, int | None]) -> None:
    """Find the days that differ from the versions before, and replace them."""
    now = {table.name: store.version(table) for table in INPUTS}
    days = touched_days(store, before, now, INPUTS)
    store.replace_days(DAILY, daily(store, days), days)


def in_duckdb(store: Store, output: Path, threads: int) -> None:
    """The same sums of the same files by DuckDB, as Parquet."""
    connection = duckdb.connect(config={"threads": threads})
    files = {table: f"'{store.location(table)}/**/part-*.parquet'" for table in (EVENTS, CAMPAIGN_AUDIENCE, CAMPAIGNS, USERS)}
    connection.execute(f"""
        COPY (
            SELECT e.event_date AS date, e.campaign_id, a.variant, coalesce(u.segment, 'unknown') AS segment,
                count(*) FILTER (event_type = 'impression') AS n_impressions, count(*) FILTER (event_type = 'click') AS n_clicks,
                count(*) FILTER (event_type = 'purchase') AS n_purchases, count(*) FILTER (event_type = 'purchase') AS n_conversions,
                coalesce(sum(value) FILTER (event_type = 'purchase'), 0) AS revenue,
                coalesce(sum(value) FILTER (event_type = 'purchase'), 0) AS exclusive_revenue
            FROM read_parquet({files[EVENTS]}, hive_partitioning = true) AS e
            JOIN read_parquet({files[CAMPAIGNS]}) AS c
                ON c.campaign_id = e.campaign_id AND c.start_at <= e.event_at AND coalesce(e.event_at < c.end_at, true)
            JOIN read_parquet({files[CAMPAIGN_AUDIENCE]}) AS a ON a.campaign_id = e.campaign_id AND a.user_id = e.user_id
            LEFT JOIN read_parquet({files[USERS]}) AS u ON u.user_id = e.user_id
            GROUP BY ALL
        ) TO '{output}' (FORMAT parquet)""")  # noqa: S608 (paths of this run)
    connection.close()


def timed(work: Callable[[], Any]) -> float:
    """Wall seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def checksum(frame: DataFrame) -> tuple[Any, ...]:
    """Rows, every sum, and a hash of all rows that no order changes: equal for equal tables."""
    exact = [F.col(name).cast("decimal(38,4)").alias(name) for name in SHOWN]
    shown = frame.select(F.col("date").cast("date").alias("date"), *GROUP[1:], *exact)
    row = F.xxhash64(*GROUP, *SHOWN).cast("decimal(38,0)")
    return tuple(shown.agg(F.count(F.lit(1)), *(F.sum(name) for name in SHOWN), F.sum(row)).collect()[0])


def run(store: Store, folder: Path, n_events: int, members: int, repeats: int, cores: int) -> dict[str, Any]:
    """Every contender in turn, then the new data; raises where results differ."""
    seconds: dict[str, list[float]] = {"ours": [], "duckdb": [], "full": [], "incremental": []}
    for number in range(repeats):
        ours, theirs = str(folder / f"ours{number}"), folder / f"duckdb{number}.parquet"
        seconds["ours"].append(timed(partial(in_spark, store, ours)))
        seconds["duckdb"].append(timed(partial(in_duckdb, store, theirs, cores)))
        print({name: round(of[-1], 2) for name, of in seconds.items() if of}, flush=True)
        found = [checksum(store.spark.read.parquet(path)) for path in (ours, str(theirs))]
        if found[0] != found[1]:
            raise SystemExit(f"the results differ: {found}")
    for number in range(repeats):
        seconds["full"].append(timed(lambda: store.replace_days(DAILY, daily(store, None), None)))
        before = {table.name: store.version(table) for table in INPUTS}
        first = n_events + number * n_events // 100
        fresh = drawn(store.spark, first, n_events // 100, f"{DAYS + number} - if(id % 50 = 0, 1, 0)", members).coalesce(1)
        store.append_once(EVENTS, fresh, writer="generated", sequence=number + 1)
        seconds["incremental"].append(timed(partial(renew, store, before)))
        print({name: round(of[-1], 2) for name, of in seconds.items()}, flush=True)
        if checksum(store.read(DAILY)) != checksum(daily(store, None)):
            raise SystemExit("after the new data the incremental table differs from a full one")
    medians = {name: median(of) for name, of in seconds.items()}
    ratios = {"ours / DuckDB": medians["ours"] / medians["duckdb"], "full / incremental": medians["full"] / medians["incremental"]}
    return {"seconds": medians, "seconds_of_each_run": seconds, "ratios": ratios, "rows_of_the_table": found[0][0], "results_equal": True}


def of_size(spark: SparkSession, n_events: int, members: int, repeats: int, cores: int) -> dict[str, Any]:
    """Generate so many events, and measure."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(spark, f"{folder}/warehouse")
        seconds = timed(lambda: lay_out(store, n_events, members))
        print(f"generated {n_events:,} events of {CAMPAIGNS_N} campaigns: {seconds:.1f} s", flush=True)
        return run(store, Path(folder), n_events, members, repeats, cores)


def main() -> None:
    """Generate, measure, keep the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=[10_000_000], help="sizes to run, one after the other (10,000,000)")
    for name, value, what in (("members", 1_000_000, "members of audiences"), ("repeats", 5, "runs of each"), ("cores", 2, "threads")):
        parser.add_argument(f"--{name}", type=int, default=value, help=f"{what} ({value:,})")
    parser.add_argument("--driver-memory", default="4g", help="Java's heap (4g)")
    parser.add_argument("--output", type=Path, default=RESULTS)
    asked = parser.parse_args()
    settings = {
        "spark.master": f"local[{asked.cores}]",
        "spark.driver.memory": asked.driver_memory,
        "spark.driver.extraJavaOptions": "-XX:+UseParallelGC -XX:+UseTransparentHugePages",  # as in conf/demo.yml
        "spark.sql.shuffle.partitions": "8",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.adaptive.maxShuffledHashJoinLocalMapThreshold": "64m",  # as in conf/base.yml
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    spark = build_session("kpis", settings)
    spark.sparkContext.setLogLevel("ERROR")
    facts = {
        "cores": os.cpu_count(),
        "load_1_minute": os.getloadavg()[0],
        "python": platform.python_version(),
        "duckdb": duckdb.__version__,
    }
    config = {"campaigns": CAMPAIGNS_N, "days": DAYS, "members": asked.members, "spark": settings}
    kept: dict[str, Any] = {"machine": facts, "config": config, "limits": LIMITS, "ad_conversion": roll_ups(spark), "sizes": []}
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    for n_events in asked.events:
        kept["sizes"].append({"events": n_events} | of_size(spark, n_events, asked.members, asked.repeats, asked.cores))
        asked.output.write_text(json.dumps(kept, indent=2, default=str) + "\n")  # each takes minutes: what is done is kept
        print(json.dumps(kept["sizes"][-1]["ratios"]), flush=True)


if __name__ == "__main__":
    main()
