"""A planted future is refused, and the message says where it lies."""

from __future__ import annotations

import datetime as dt
import re
from types import SimpleNamespace
from typing import cast

import pytest
from pyspark.sql import DataFrame, SparkSession

from jobs.evaluate_models import JOB
from mapping_spark.config import CONF_VARIABLE
from mapping_spark.errors import ConfigError, ContractError, LeakFound
from mapping_spark.evaluation.leaks import as_of_dates, refuse_leaks, refuse_models, refuse_overcounts, start_of_day
from mapping_spark.job import Run
from mapping_spark.models.base import Vectors
from mapping_spark.models.fitting import Fitted
from mapping_spark.settings import load_settings
from mapping_spark.tables.frames import empty, rows, small
from mapping_spark.tables.gold import MODEL_RUNS, TRAINING_EPOCHS
from mapping_spark.tables.ops import SNAPSHOTS
from mapping_spark.tables.silver import INTERACTIONS

from .. import golden

DAY = dt.date(2024, 3, 10)
SPLIT = start_of_day(DAY, "UTC")
PAIR = "user_idx bigint, item_idx bigint"  # no declared table


def taken(spark: SparkSession, *last_at: dt.datetime, as_of: dt.date = DAY) -> DataFrame:
    return rows(spark, INTERACTIONS, *(dict(as_of_date=as_of, last_at=at) for at in last_at))


def test_a_past_up_to_the_last_microsecond_passes(spark: SparkSession) -> None:
    refuse_leaks({"past": taken(spark, dt.datetime(2024, 3, 9, 23, 59, 59, 999_999)), "nothing": taken(spark)}, SPLIT)


def test_a_row_of_the_future_is_refused_with_table_column_and_numbers(spark: SparkSession) -> None:
    future = taken(spark, dt.datetime(2024, 3, 9), dt.datetime(2024, 3, 10), dt.datetime(2024, 3, 12))
    found = "silver.interactions.last_at reaches 2024-03-12T00:00:00+00:00, 2 of 3 rows lie past the split"
    with pytest.raises(LeakFound, match=re.escape(f"split at 2024-03-10T00:00:00+00:00: {found}; expected")) as fault:
        refuse_leaks({"silver.interactions": future}, SPLIT)
    assert fault.value.exit_code == 4


def test_the_business_zone_decides_where_a_day_starts(spark: SparkSession) -> None:
    evening = taken(spark, dt.datetime(2024, 3, 10, 4, 30))  # 23:30 of the day before in New York, still winter time
    refuse_leaks({"past": evening}, start_of_day(DAY, "America/New_York"))
    with pytest.raises(LeakFound, match="past.last_at reaches 2024-03-10T04:30:00"):
        refuse_leaks({"past": evening}, SPLIT)


def test_as_of_the_split_is_no_leak_but_another_date_of_that_day_is(spark: SparkSession) -> None:
    day = small(spark, [(DAY, DAY)], "as_of_date date, event_date date")
    refuse_leaks({"past": day.select("as_of_date")}, SPLIT)
    with pytest.raises(LeakFound, match="past.event_date reaches 2024-03-10, 1 of 1 rows"):
        refuse_leaks({"past": day}, SPLIT)
    with pytest.raises(LeakFound, match="past.as_of_date reaches 2024-03-10"):
        refuse_leaks({"past": day.select("as_of_date")}, start_of_day(dt.date(2024, 3, 9), "UTC"))


def test_all_leaks_of_all_tables_are_told_at_once(spark: SparkSession) -> None:
    late = dt.datetime(2024, 4, 1, tzinfo=dt.UTC)
    one = small(spark, [(late, late, 1)], "first_at timestamp, `last at` timestamp, n bigint")
    with pytest.raises(LeakFound, match=r"a.first_at .*; a.last at .*; b.last_at .*") as fault:
        refuse_leaks({"a": one, "b": taken(spark, late)}, SPLIT)
    assert "b.first_at" not in str(fault.value)


def test_what_cannot_be_judged_is_refused(spark: SparkSession) -> None:
    with pytest.raises(ContractError, match="counts: no column of type date or timestamp"):
        refuse_leaks({"counts": small(spark, [(1, 2)], PAIR)}, SPLIT)
    with pytest.raises(ConfigError, match="without a time zone"):
        refuse_leaks({"past": taken(spark)}, dt.datetime(2024, 3, 10))


def test_a_popularity_counted_with_test_rows_is_refused(spark: SparkSession) -> None:
    training = small(spark, [(1, 10), (1, 10), (2, 10), (1, 11)], PAIR)
    counts = "item_idx bigint, n_recent bigint, n_users bigint"
    refuse_overcounts("popularity", small(spark, [(10, 1, 2), (11, 0, 1)], counts), training, ["n_recent", "n_users"])
    leaky = small(spark, [(10, 1, 3), (11, 1, 3), (12, 0, 1)], counts)  # with the test: items 10 and 11 are over by 1 and 2, 12 is new
    found = "popularity.n_users counts too many users for 3 items, for item_idx 11 3 where training has 1; expected"
    with pytest.raises(LeakFound, match=re.escape(f"popularity: {found}")):
        refuse_overcounts("popularity", leaky, training, ["n_recent", "n_users"])


def test_a_fitted_popularity_that_counted_the_future_is_refused(spark: SparkSession) -> None:
    """Three users chose item 10 before the split, as a score says: 3, and a fraction that as a float is 1."""
    past = rows(spark, INTERACTIONS, *(dict(user_idx=n, item_idx=10, as_of_date=DAY, last_at=dt.datetime(2024, 3, 9)) for n in range(3)))
    told = [empty(spark, table) for table in (MODEL_RUNS, TRAINING_EPOCHS, SNAPSHOTS)]

    def popularity(score: float) -> dict[str, Fitted]:
        scored = small(spark, [(10, [score])], "item_idx bigint, values array<float>")
        return {"popularity": Fitted("r1", Vectors(users=scored, items=scored))}

    refuse_models(popularity(4.0), past, told, SPLIT)
    with pytest.raises(LeakFound, match="popularity.n_users counts too many users for 1 items, for item_idx 10 4 where training has 3"):
        refuse_models(popularity(4.5), past, told, SPLIT)


def dates(spark: SparkSession, snapshot_as_of: dt.date) -> dict[str, DataFrame]:
    """Of a deep model's run; another run and another snapshot lie in the future, and are not asked for."""
    later, run = dt.date(2024, 4, 1), dict(run_id="r1", as_of_date=DAY, input_versions='{"training":"t1"}')
    runs = rows(spark, MODEL_RUNS, run, dict(run_id="r2", as_of_date=later, input_versions='{"training":"t2"}'))
    epochs = rows(spark, TRAINING_EPOCHS, *(dict(training_id=f"t{n}", epoch=e, snapshot_id=f"s{n}") for n in (1, 2) for e in (0, 1)))
    snapshots = rows(spark, SNAPSHOTS, dict(snapshot_id="s1", as_of_date=snapshot_as_of), dict(snapshot_id="s2", as_of_date=later))
    return as_of_dates({"mf_bpr": Fitted("r1")}, runs, epochs, snapshots)


def test_a_deep_model_is_as_old_as_the_snapshot_it_saw(spark: SparkSession) -> None:
    refuse_leaks(dates(spark, DAY), SPLIT)
    with pytest.raises(LeakFound, match="ops.snapshots.as_of_date reaches 2024-03-11, 1 of 1 rows") as fault:
        refuse_leaks(dates(spark, dt.date(2024, 3, 11)), SPLIT)
    assert "gold.model_runs" not in str(fault.value)


def test_the_job_refuses_to_evaluate_on_interactions_that_know_the_future(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONF_VARIABLE, str(golden.write(tmp_path_factory.mktemp("leak"))))
    settings = load_settings("golden").model_copy(update={"models": {}})
    days = {"u1": dt.datetime(2024, 3, 9, 12), "u2": dt.datetime(2024, 3, 11, 12)}
    past = rows(spark, INTERACTIONS, *(dict(user_id=user, as_of_date=DAY, last_at=at) for user, at in days.items()))
    tables = {INTERACTIONS: past} | {table: empty(spark, table) for table in (MODEL_RUNS, TRAINING_EPOCHS, SNAPSHOTS)}
    run = SimpleNamespace(settings=settings, as_of=DAY, store=None, read=tables.__getitem__)  # nothing else is read before the check
    with pytest.raises(LeakFound, match="silver.interactions.last_at reaches 2024-03-11T12:00:00.*, 1 of 2 rows"):
        JOB.work(cast(Run, run))
