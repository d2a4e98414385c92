"""Public ad figures through declared measures: 1,143 ads of three campaigns, by age and gender (kag-ad-conversion)."""

from __future__ import annotations

from typing import Any

from protocols import data_folder
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mapping_spark.tables.contract import Column, Measure, Table
from mapping_spark.tables.frames import conform
from mapping_spark.tables.measures import measure

FILE = "kag-ad-conversion/kag_conversion_data.parquet"
GROUPS = ("xyz_campaign_id", "age", "gender")
ADS = Table(
    name="gold.ads",
    grain="one row per ad",
    columns=(
        Column("ad_id", "string", "Ad key."),
        *(Column(name, "string", "Group of the ad.") for name in GROUPS),
        Column("n_impressions", "bigint", "Impressions.", unit="events"),
        Column("n_clicks", "bigint", "Clicks.", unit="events"),
        Column("n_conversions", "bigint", "Approved conversions.", unit="events"),
        Column("cost", "decimal(18,4)", "Money spent.", unit="currency"),
    ),
    primary_key=("ad_id",),
    measures=(
        Measure(name="ctr", numerator="n_clicks", denominator="n_impressions", doc="Clicks per impression.", interval="wilson"),
        Measure(name="cpc", numerator="cost", denominator="n_clicks", doc="Cost per click."),
        Measure(name="cpm", numerator="1000 * cost", denominator="n_impressions", doc="Cost per thousand impressions."),
        Measure(name="cpa", numerator="cost", denominator="n_conversions", doc="Cost per approved conversion."),
    ),
)
EXPECTED = {"ctr": 0.000179, "cpc": 1.5382, "cpm": 0.27505, "cpa": 54.41}
"""Published; CPM stands there as .2751, which is .27505 rounded once more: the ratio is .2750499."""
DIGITS = {"ctr": 6, "cpc": 4, "cpm": 5, "cpa": 2}


def roll_ups(spark: SparkSession) -> dict[str, Any]:
    """The measures of all ads, compared with the published figures, and that every roll-up is the ratio of its sums."""
    raw = spark.read.parquet(str(data_folder() / FILE))
    names = {name.lower(): name for name in raw.columns}
    typed = {
        "ad_id": F.col(names["ad_id"]).cast("string"),
        **{group: F.col(names[group]).cast("string") for group in GROUPS},
        "n_impressions": F.col(names["impressions"]).cast("bigint"),
        "n_clicks": F.col(names["clicks"]).cast("bigint"),
        "n_conversions": F.col(names["approved_conversion"]).cast("bigint"),
        "cost": F.col(names["spent"]).cast("decimal(18,4)"),
    }
    ads = conform(raw.select(*(column.alias(name) for name, column in typed.items())), ADS).cache()
    (total,) = measure(ads, ADS).collect()
    found = {name: round(total[name], DIGITS[name]) for name in EXPECTED}
    if found != EXPECTED:
        raise SystemExit(f"kag-ad-conversion: {found}, published {EXPECTED}")
    for group in ((), *((name,) for name in GROUPS), GROUPS):
        for row in measure(ads, ADS, *group).collect():  # at most 3 x 4 x 2 groups
            ratio = float(row["cost"]) / row["n_clicks"] if row["n_clicks"] else None
            if (row["cpc"] is None) != (ratio is None) or (ratio is not None and abs(row["cpc"] - ratio) > 1e-12):
                raise SystemExit(f"kag-ad-conversion: cpc of {group} is no ratio of sums: {row}")
    return found | {"ctr_low": total["ctr_low"], "ctr_high": total["ctr_high"]}
