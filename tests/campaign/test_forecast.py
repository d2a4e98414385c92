from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from pyspark.sql import SparkSession

from mapping_spark.campaign.forecast import MODELS, build_forecasts, daily_values, forecast_series, rolling_origin, seasonal_naive
from mapping_spark.campaign.settings import ForecastConfig
from mapping_spark.errors import ContractError
from mapping_spark.evaluation.metrics import Numbers
from mapping_spark.tables.frames import small

DAY = dt.date(2024, 3, 11)
SHORT = ForecastConfig(horizon_days=7, n_origins=2, min_days=28, models=("seasonal_naive",))


def ar_series(n_days: int) -> Numbers:
    """Weekdays from 50 to 80, and a deviation that keeps 0.8 of itself from day to day."""
    noise, deviation = np.random.default_rng(2).normal(0, 2, n_days), np.zeros(n_days)
    for day in range(1, n_days):
        deviation[day] = 0.8 * deviation[day - 1] + noise[day]
    return 50 + 5 * (np.arange(n_days) % 7) + deviation


def test_last_week_again_with_a_band_that_widens() -> None:
    found = seasonal_naive(np.array([1.0, 2, 3, 4, 5, 6, 7, 3, 4, 5, 6, 7, 8, 9]), 8)
    assert found.mean_H.tolist() == [3, 4, 5, 6, 7, 8, 9, 3]
    half = found.high_H - found.mean_H  # every day was 2 more than a week before
    assert half == pytest.approx([1.959964 * 2] * 7 + [1.959964 * 2 * 2**0.5])


@pytest.mark.parametrize("model", [name for name in MODELS if name != "seasonal_naive"])
def test_every_model_beats_last_week_on_a_series_that_returns_to_its_mean(model: str) -> None:
    record = rolling_origin(MODELS[model], ar_series(150), 7, 2)
    assert record.mase < 1
    assert 0.6 <= record.coverage <= 1
    assert record.n_origins == 2


def test_errors_by_hand() -> None:
    values = np.array([*range(7), *range(7), *range(1, 8)], float)  # the last week is 1 more
    record = rolling_origin(MODELS["seasonal_naive"], values, 7, 1)
    assert (record.mae, record.coverage) == (1, 0)  # a series that repeated itself has a band of no width
    assert np.isnan(record.mase)


def test_a_missing_day_is_nothing_and_a_day_twice_is_refused() -> None:
    rows = pd.DataFrame({"series": "s", "date": [dt.date(2024, 3, 7), dt.date(2024, 3, 9)], "value": [3.0, 4.0]})
    assert daily_values(rows, DAY).tolist() == [3, 0, 4, 0]
    with pytest.raises(ContractError, match="a day twice"):
        forecast_series(pd.concat([rows, rows]), as_of=DAY, config=SHORT)


def test_only_series_that_are_long_enough_are_forecast(spark: SparkSession) -> None:
    days = [DAY - dt.timedelta(days=back) for back in range(-3, 43)]  # three days of the future are not read
    series = small(
        spark,
        [(name, day, 5.0) for name in ("long", "short") for day in days if name == "long" or day > dt.date(2024, 3, 1)],
        "series string, date date, value double",
    )
    found = build_forecasts(series, DAY, SHORT).orderBy("date").collect()
    assert {row.series for row in found} == {"long"}
    assert [(row.date, row.forecast, row.is_best, row.mae) for row in found] == [(DAY + dt.timedelta(days=n), 5, True, 0) for n in range(7)]


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ValidationError, match="arima"):
        ForecastConfig(models=("arima",))
