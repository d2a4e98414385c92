"""Campaign KPIs that may leave the house: small groups are withheld, and so is what would give them away by subtraction."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from mapping_spark.tables.campaigns import PUBLISHED, PUBLISHED_CAMPAIGN_KPIS
from mapping_spark.tables.frames import conform

ALL = "all"


def build_published(kpis: DataFrame, *, min_users: int) -> DataFrame:
    """gold.campaign_kpis by segment, and the total of each (campaign, variant), without groups below `min_users`.

    Complementary suppression (Hundepool et al. 2012, Statistical Disclosure Control, section 4): where the withheld segments of a
    total are one alone, or hold fewer than `min_users` users together, the smallest remaining one (ties by name) is withheld
    too, so that the total less what is shown is never a group that is too small. A total of fewer users is withheld itself.
    Numbers of a withheld row are null. Totals over variants or campaigns are not published.
    """
    known = kpis.select("campaign_id", "variant", "segment", *PUBLISHED).fillna(0, list(PUBLISHED))
    of_total = Window.partitionBy("campaign_id", "variant")
    is_small = F.col("n_users") < min_users
    judged = known.withColumns(
        {
            "n_small": F.count_if(is_small).over(of_total),
            "n_small_users": F.sum(F.when(is_small, F.col("n_users")).otherwise(0)).over(of_total),
            "place": F.row_number().over(of_total.orderBy(is_small, "n_users", "segment")),  # the smallest of the large ones is first
        }
    )
    gives_away = (F.col("n_small") == 1) | ((F.col("n_small") > 0) & (F.col("n_small_users") < min_users))
    segments = judged.withColumn("is_withheld", is_small | (gives_away & (F.col("place") == 1)))
    totals = known.groupBy("campaign_id", "variant").agg(*(F.sum(name).alias(name) for name in PUBLISHED))
    totals = totals.withColumns({"segment": F.lit(ALL), "is_withheld": F.col("n_users") < min_users})
    rows = segments.select(*totals.columns).unionByName(totals)
    shown = {name: F.when(~F.col("is_withheld"), F.col(name)) for name in PUBLISHED}
    return conform(rows.withColumns(shown | {"is_withheld": F.col("is_withheld")}), PUBLISHED_CAMPAIGN_KPIS)
