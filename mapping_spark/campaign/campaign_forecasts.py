"""gold.campaign_forecasts from the campaigns' KPIs: one row per campaign and measure with at least three past campaigns."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.campaign.similar import Campaign, forecasts_with_record
from mapping_spark.tables.forecasts import CAMPAIGN_FORECASTS
from mapping_spark.tables.frames import rows
from mapping_spark.tables.gold import CAMPAIGN_KPIS
from mapping_spark.tables.measures import measure

MEASURES = ("redemption_rate", "revenue_per_user")


def build_campaign_forecasts(kpis: DataFrame, campaigns: DataFrame, as_of: dt.date) -> DataFrame:
    """Campaigns with an audience, by their days in UTC. Campaigns are few: they are compared on the driver.

    A campaign without end has no length to compare: it has no forecast, and none rests on it.
    """
    days = [F.to_date(column).alias(column) for column in ("start_at", "end_at")]
    declared = campaigns.where("end_at IS NOT NULL").select("campaign_id", "campaign_type", *days)
    measured = measure(kpis, CAMPAIGN_KPIS, "campaign_id").select("campaign_id", "n_users", *MEASURES)
    known = declared.join(measured, on="campaign_id", how="inner").collect()  # one row per campaign on both sides
    found = []
    for name in MEASURES:
        each = [
            Campaign(
                campaign_id=row.campaign_id,
                campaign_type=row.campaign_type,
                start=row.start_at,
                end=max(row.end_at, row.start_at + dt.timedelta(days=1)),
                n_users=row.n_users,
                value=float(row[name]),
            )
            for row in known
        ]
        found += [{"as_of_date": as_of, "measure": name} | row for row in forecasts_with_record(each, as_of)]
    return rows(kpis.sparkSession, CAMPAIGN_FORECASTS, *found)
