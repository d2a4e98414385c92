"""Daily KPIs ahead: AR, MA, ARMA beside seasonal naive and ETS, each with its band and its errors at past origins.

One series at a time, in Arrow batches grouped by series: as many series as there are fit side by side. A series has a value for
every day, 0 where nothing happened; the season is the week.
"""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from scipy import stats
from statsmodels.tsa.arima.model import ARIMA
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

from mapping_spark.campaign.settings import ForecastConfig
from mapping_spark.errors import ContractError
from mapping_spark.evaluation.metrics import Numbers
from mapping_spark.tables.forecasts import KPI_FORECASTS
from mapping_spark.tables.frames import conform, schema

WEEK = 7
_Z_95 = float(stats.norm.ppf(0.975))


@dataclass(frozen=True, slots=True)
class Ahead:
    """Forecast of H days with the 95 % band of each, (H,) each, in the series' unit."""

    mean_H: Numbers
    low_H: Numbers
    high_H: Numbers


def seasonal_naive(values_T: Numbers, horizon: int) -> Ahead:
    """The last week again; the band widens with every week ahead (Hyndman and Athanasopoulos 2021, section 5.5)."""
    steps_H = np.arange(horizon)
    mean_H = values_T[-WEEK + steps_H % WEEK]
    spread = float(np.sqrt(np.mean((values_T[WEEK:] - values_T[:-WEEK]) ** 2)))
    half_H = _Z_95 * spread * np.sqrt(steps_H // WEEK + 1)
    return Ahead(mean_H, mean_H - half_H, mean_H + half_H)


def ets(values_T: Numbers, horizon: int) -> Ahead:
    """Exponential smoothing with additive error, damped trend and weekly season (Hyndman et al. 2008)."""
    model = ETSModel(pd.Series(values_T), error="add", trend="add", damped_trend=True, seasonal="add", seasonal_periods=WEEK)
    ahead = model.fit(disp=False).get_prediction(start=len(values_T), end=len(values_T) + horizon - 1).summary_frame(alpha=0.05)
    return Ahead(*(ahead[name].to_numpy(float) for name in ("mean", "pi_lower", "pi_upper")))


def arma(values_T: Numbers, horizon: int, *, n_ar: int, n_ma: int) -> Ahead:
    """Weekday means plus ARMA(n_ar, n_ma) errors, by maximum likelihood (Box and Jenkins 1970)."""
    days = np.arange(len(values_T) + horizon)
    is_weekday = (days[:, None] % WEEK == np.arange(1, WEEK)).astype(float)
    model = ARIMA(values_T, exog=is_weekday[: len(values_T)], order=(n_ar, 0, n_ma), trend="c")
    ahead = model.fit().get_forecast(horizon, exog=is_weekday[len(values_T) :]).summary_frame(alpha=0.05)
    return Ahead(*(ahead[name].to_numpy(float) for name in ("mean", "mean_ci_lower", "mean_ci_upper")))


Model = Callable[[Numbers, int], Ahead]
MODELS: Mapping[str, Model] = MappingProxyType(
    {
        "seasonal_naive": seasonal_naive,
        "ets": ets,
        "ar": partial(arma, n_ar=2, n_ma=0),
        "ma": partial(arma, n_ar=0, n_ma=2),
        "arma": partial(arma, n_ar=1, n_ma=1),
    }
)
"""Models by name: the values so far and a number of days -> the days ahead."""


@dataclass(frozen=True, slots=True)
class Record:
    """How a model did at past origins."""

    mae: float
    """Mean absolute error, the series' unit."""
    mase: float
    """The same over that of last week's value within what was known (Hyndman and Koehler 2006); below 1 beats it. NaN for a series
    that repeats itself exactly."""
    coverage: float
    """Share of days within the 95 % band."""
    n_origins: int


def rolling_origin(model: Model, values_T: Numbers, horizon: int, n_origins: int) -> Record:
    """Forecast from origins a horizon apart, the last of which ends with the series (Tashman 2000)."""
    errors, scaled, covered = [], [], []
    for back in range(n_origins, 0, -1):
        known, actual_H = values_T[: len(values_T) - back * horizon], values_T[len(values_T) - back * horizon :][:horizon]
        ahead = model(known, horizon)
        error_H, naive = np.abs(actual_H - ahead.mean_H), float(np.abs(known[WEEK:] - known[:-WEEK]).mean())
        errors.append(error_H)
        scaled.append(error_H / naive if naive > 0 else np.full(horizon, np.nan))
        covered.append((ahead.low_H <= actual_H) & (actual_H <= ahead.high_H))
    return Record(float(np.mean(errors)), float(np.mean(scaled)), float(np.mean(covered)), n_origins)


def build_forecasts(series: DataFrame, as_of: dt.date, config: ForecastConfig) -> DataFrame:
    """gold.kpi_forecasts from (series string, date, value double), one row per series and day before `as_of`.

    A day without a row is 0, from the series' first day to the day before `as_of`. Series with fewer than `min_days` before the
    first origin have no forecast.
    """
    days = F.datediff(F.lit(as_of), F.min("date"))
    shortest = config.min_days + config.n_origins * config.horizon_days
    long_enough = series.where(F.col("date") < F.lit(as_of)).groupBy("series").agg(days.alias("days")).where(F.col("days") >= shortest)
    kept = series.where(F.col("date") < F.lit(as_of)).join(F.broadcast(long_enough.select("series")), on="series", how="left_semi")
    made = kept.groupBy("series").applyInPandas(partial(forecast_series, as_of=as_of, config=config), schema(KPI_FORECASTS))
    return conform(made, KPI_FORECASTS)


def forecast_series(rows: pd.DataFrame, *, as_of: dt.date, config: ForecastConfig) -> pd.DataFrame:
    """All models of one series: rows of gold.kpi_forecasts. A model whose fit fails has none; another is then the best."""
    name = str(rows.series.iloc[0])
    if rows.date.duplicated().any():
        raise ContractError(f"series {name}", "a day twice", "one row per day", "Sum the series by day first.")
    values_T = daily_values(rows, as_of)
    judged: dict[str, tuple[Ahead, Record]] = {}
    for model in config.models:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a fit that did not settle is judged by its errors like any other
            try:
                record = rolling_origin(MODELS[model], values_T, config.horizon_days, config.n_origins)
                judged[model] = MODELS[model](values_T, config.horizon_days), record
            except (np.linalg.LinAlgError, ValueError):
                continue
    best = min(judged, key=lambda model: judged[model][1].mae, default="")
    days = [as_of + dt.timedelta(days=ahead) for ahead in range(config.horizon_days)]
    found = [row for model, of in judged.items() for row in _rows(*of, {"series": name, "model": model, "is_best": model == best}, days)]
    return pd.DataFrame(found, columns=list(KPI_FORECASTS.column_names)).assign(as_of_date=as_of)


def daily_values(rows: pd.DataFrame, as_of: dt.date) -> Numbers:
    """(T,): the value of each day from the first to the day before `as_of`, 0 where there is none."""
    days = pd.date_range(rows.date.min(), as_of - dt.timedelta(days=1), freq="D")
    values: Numbers = rows.set_index(pd.to_datetime(rows.date)).value.reindex(days, fill_value=0.0).to_numpy(float)
    return values


def _rows(ahead: Ahead, record: Record, named: Mapping[str, Any], days: list[dt.date]) -> Iterator[dict[str, Any]]:
    judged = {"mae": record.mae, "mase": record.mase, "coverage": record.coverage, "n_origins": record.n_origins}
    for date, mean, low, high in zip(days, ahead.mean_H, ahead.low_H, ahead.high_H, strict=True):
        yield {**named, **judged, "date": date, "forecast": mean, "low": low, "high": high}
