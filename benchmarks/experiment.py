"""A real experiment through the jobs: the e-mail campaign's 64,000 customers as files of another system, judged beside what is published.

    PYTHONPATH=. .venv/bin/python benchmarks/experiment.py

The public rows (hillstrom, from `../shared/data` or `$MAPPING_SPARK_DATA`) are written as deliveries of CSV and Parquet: assignments
(control included), purchases of the year before, visits (clicks) and purchases of the two weeks. From there the project's own jobs run:
ingest, clean, audience, outcomes, sums, verdicts, uplift, plan. With `--copies 1 4 16` the same customers come 4 and 16 times, to see how
the jobs' time grows; every mean must stay what it was. The data tells no dates: they are made up.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from protocols import FOLDER_VARIABLE, data_folder
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark import pipeline
from mapping_spark.campaign.experiments import ALL
from mapping_spark.config import CONF_VARIABLE
from mapping_spark.tables.experiments import EXPERIMENT_RESULTS, EXPERIMENT_SUMS
from mapping_spark.tables.store import Store
from mapping_spark.tables.uplift import PLAN_VALUES, TARGETING_SUMMARY, UPLIFT_METRICS

RESULTS = Path(__file__).resolve().parent / "results" / "experiment.json"
PROJECT = Path(__file__).resolve().parent.parent
START, AS_OF = "2008-03-20", "2008-04-10"
JOBS = (
    "ingest_events",
    "clean_events",
    "build_user_ids",
    "build_users",
    "build_campaigns",
    "build_campaign_items",
    "build_currency_rates",
    "build_external_assignments",
    "assign_campaigns",
    "build_campaign_audience",
    "campaign_outcomes",
    "sum_experiments",
    "judge_experiments",
    "score_uplift",
    "plan_targeting",
)
PUBLISHED = {  # control, men's, women's
    "unique_click_rate": (0.10617, 0.18276, 0.15140),
    "conversion_rate": (0.00573, 0.01253, 0.00884),
    "revenue_per_user": (0.6528, 1.4226, 1.0772),
}
"""Metric to what the data's author and others state, to the last digit given."""
EVENT = {"event_id": "id", "user_id": "customer", "event_at": "at", "campaign_id": "campaign", "channel": "channel", "value": "value"}
EVENT_COLUMNS = dict.fromkeys(("id", "customer", "type", "campaign", "channel"), "string") | {
    "at": "timestamp",
    "value": "decimal(18,4)",
}


def customers(folder: Path, copies: int) -> pd.DataFrame:
    """The public rows with a key each, and again with other keys."""
    rows = pd.read_parquet(folder / "hillstrom" / "hillstrom.parquet")
    rows["variant"] = rows["segment"].map({"Mens E-Mail": "mens", "Womens E-Mail": "womens", "No E-Mail": "control"})
    many = pd.concat([rows.assign(copy=copy) for copy in range(copies)], ignore_index=True)
    many["customer"] = "c" + many.index.astype(str)
    return many


def events_of(rows: pd.DataFrame) -> pd.DataFrame:
    """What each customer did, one row per event: the year's purchases on the day that `recency` tells, visits and orders the day after."""
    start = pd.Timestamp(START)
    before = start - pd.to_timedelta(rows["recency"] * 30, unit="D") + pd.Timedelta(hours=12)
    sent = rows[rows["variant"] != "control"]
    visited, bought = rows[rows["visit"] == 1], rows[rows["conversion"] == 1]
    parts = (
        rows.assign(type="purchase", at=before, amount=rows["history"], named=None),
        sent.assign(type="campaign_send", at=start, amount=np.nan, named="e_mail"),
        visited.assign(type="click", at=start + pd.Timedelta(hours=30), amount=np.nan, named="e_mail"),
        bought.assign(type="purchase", at=start + pd.Timedelta(hours=31), amount=bought["spend"], named="e_mail"),
    )
    happened = pd.concat(parts, ignore_index=True)
    value = happened["amount"].map(lambda amount: None if np.isnan(amount) else f"{amount:.2f}")
    identity = happened.index.astype(str)
    return pd.DataFrame(
        {
            "id": "e" + identity,
            "customer": happened["customer"],
            "type": happened["type"],
            "at": happened["at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "campaign": happened["named"],
            "channel": happened["channel"],
            "value": value,
        }
    )


def deliver(rows: pd.DataFrame, folder: Path) -> Path:
    """Write deliveries and settings; returns the folder of settings."""
    data, conf = folder / "data", folder / "conf"
    for made in (data / "shop", conf / "sources"):
        made.mkdir(parents=True)
    events_of(rows).to_csv(data / "shop" / "events.csv", index=False)
    rows[["customer", "variant"]].to_parquet(data / "assignments.parquet")
    rows[["customer", "history_segment"]].to_parquet(data / "customers.parquet")
    (data / "campaigns.csv").write_text(f"campaign,start_at,end_at\ne_mail,{START},2008-04-03\n")
    sources: dict[str, dict[str, Any]] = {
        "shop": {
            "kind": "events",
            "format": "csv",
            "path": str(data / "shop"),
            "columns": EVENT_COLUMNS,
            "event": EVENT | {"event_type": "type", "currency": "if(value is null, null, 'USD')"},
        },
        "assignments": {
            "kind": "external_assignments",
            "format": "parquet",
            "path": str(data / "assignments.parquet"),
            "columns": {"campaign_id": "'e_mail'", "user_id": "customer", "variant": "variant", "assigned_at": f"TIMESTAMP'{START}'"},
        },
        "customers": {
            "kind": "users",
            "format": "parquet",
            "path": str(data / "customers.parquet"),
            "columns": {"user_id": "customer", "segment": "history_segment", "has_marketing_consent": "true"},
        },
        "campaigns": {
            "kind": "campaigns",
            "format": "csv",
            "path": str(data / "campaigns.csv"),
            "columns": {
                "campaign_id": "campaign", "campaign_type": "'e-mail'", "channel": "'e-mail'",
                "start_at": "start_at", "end_at": "end_at", "unit_cost": "0.01",
            },
        },
    }  # fmt: skip
    for name, declared in sources.items():
        (conf / "sources" / f"{name}.yml").write_text(yaml.safe_dump({"name": name} | declared))
    settings = {
        "as_of": AS_OF,
        "sources": list(sources),
        "store": {"root": str(folder / "warehouse")},
        "campaigns": {"currency": "USD"},
        "experiments": {
            "primary": ["unique_click_rate"],
            "shares": {"e_mail": dict.fromkeys(("control", "mens", "womens"), 1 / 3)},
            "pre_period_days": 365,
        },
        "targeting": {"budget": 200, "value": 10},
        "spark": {"spark.master": "local[2]", "spark.driver.memory": "3g", "spark.sql.shuffle.partitions": 4,
                  "spark.databricks.delta.snapshotPartitions": 2, "spark.ui.enabled": False, "spark.ui.showConsoleProgress": False},
    }  # fmt: skip
    (conf / "base.yml").write_text((PROJECT / "conf" / "base.yml").read_text())
    (conf / "experiment.yml").write_text(yaml.safe_dump(settings))
    return conf


def collected(frame: DataFrame) -> list[dict[str, Any]]:
    """The rows of a table of a few rows."""
    return [row.asDict() for row in frame.collect()]


def checked(store: Store, rows: pd.DataFrame) -> list[dict[str, Any]]:
    """What the jobs found of each metric; raises where a mean differs from the rows' or from what is published.

    Means are held against gold.experiment_sums: those of gold.experiment_results are adjusted by the year before (CUPED).
    """
    own = {"unique_click_rate": "visit", "conversion_rate": "conversion", "revenue_per_user": "spend"}
    sums = pd.DataFrame(collected(store.read(EXPERIMENT_SUMS))).groupby(["metric", "variant"])[["numerator", "n_users"]].sum()
    for metric, column in own.items():
        for variant, published in zip(("control", "mens", "womens"), PUBLISHED[metric], strict=True):
            mean = sums.loc[(metric, variant), "numerator"] / sums.loc[(metric, variant), "n_users"]
            expected, unit = rows.loc[rows["variant"] == variant, column].mean(), 10.0 ** -len(str(published).split(".")[1])
            if not np.isclose(mean, expected, rtol=1e-12) or abs(mean - published) > unit:
                raise SystemExit(f"{metric} of {variant}: {mean} by the jobs, {expected} by the rows, {published} published")
    of_all = store.read(EXPERIMENT_RESULTS).where(F.col("segment") == ALL).where(F.col("metric").isin(*own)).orderBy("metric", "variant")
    return [{name: value for name, value in row.items() if value is not None} for row in collected(of_all)]


def run(folder: Path, copies: int) -> dict[str, Any]:
    """Deliver, run the jobs, check, run them again (nothing may change)."""
    rows = customers(folder, copies)
    with tempfile.TemporaryDirectory() as place:
        os.environ[CONF_VARIABLE] = str(deliver(rows, Path(place)))
        settings, as_of, store = pipeline.open_environment("experiment", None, [])
        jobs, seconds = {job.name: job for job in pipeline.all_jobs()}, {}
        for name in JOBS:
            began = time.perf_counter()
            pipeline.run_all(settings, as_of, store, [jobs[name]])
            seconds[name] = round(time.perf_counter() - began, 2)
        results = checked(store, rows)
        tables = {table.name: collected(store.read(table)) for table in (UPLIFT_METRICS, TARGETING_SUMMARY, PLAN_VALUES)}
        again = pipeline.run_all(settings, as_of, store, [jobs[name] for name in JOBS])
        unchanged = sum(outcome.status == "unchanged" for outcome in again)
        store.spark.stop()
    facts = {"copies": copies, "customers": len(rows), "seconds": seconds, "seconds_together": round(sum(seconds.values()), 1)}
    return facts | {"jobs_unchanged_when_run_again": unchanged, "results": results, **tables}


def main() -> None:
    """Every number of copies; prints and keeps what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copies", type=int, nargs="+", default=[1], help="how often the customers come (1)")
    parser.add_argument("--output", type=Path, default=RESULTS)
    asked = parser.parse_args()
    folder = data_folder()
    if not (folder / "hillstrom").is_dir():
        raise SystemExit(f"no {folder / 'hillstrom'}: say in ${FOLDER_VARIABLE} where the data sets lie")
    found = [run(folder, copies) for copies in asked.copies]
    for one in found:
        print(json.dumps(one, indent=2, default=str))
    machine = {"cores": os.cpu_count(), "load_1_minute": os.getloadavg()[0], "python": platform.python_version()}
    asked.output.write_text(json.dumps({"machine": machine, "published": PUBLISHED, "runs": found}, indent=2, default=str) + "\n")


if __name__ == "__main__":
    main()
