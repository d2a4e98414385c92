"""Who a campaign was for: silver.campaign_audience, as assigned, here or elsewhere, else from the campaign's sends."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.tables.frames import conform
from mapping_spark.tables.silver import CAMPAIGN_AUDIENCE


def build_audience(events: DataFrame, *, default_variant: str = "mailed") -> DataFrame:
    """One row per (campaign, user) with a `campaign_send` in silver.events.

    `assigned_at` (UTC) and `variant` are those of the first send, ties broken by event_id; a send that names no variant
    gives `default_variant`. A send that names no campaign belongs to no audience.
    """
    sends = events.where((F.col("event_type") == "campaign_send") & F.col("campaign_id").isNotNull())
    first = F.min(F.struct("event_at", "event_id", "variant"))
    audience = sends.groupBy("campaign_id", "user_id").agg(first.alias("first"))
    return conform(
        audience.select(
            "campaign_id",
            "user_id",
            F.coalesce("first.variant", F.lit(default_variant)).alias("variant"),
            F.col("first.event_at").alias("assigned_at"),
        ),
        CAMPAIGN_AUDIENCE,
    )


def with_assignments(sent: DataFrame, assignments: DataFrame) -> DataFrame:
    """silver.campaign_audience: of campaigns with `assignments` the users assigned, of the others those in `sent`.

    `sent` has the columns of silver.campaign_audience, `assignments` these and maybe more. Of a campaign that was planned only
    those assigned belong to the audience, with what they were assigned whatever they were sent (intention to treat): a user
    sent two variants, or one who was held out and sent it all the same, counts where he was put.
    """
    planned = assignments.select("campaign_id").distinct()  # one row per campaign
    assigned = assignments.select("campaign_id", "user_id", "variant", "assigned_at")
    unplanned = sent.join(F.broadcast(planned), on="campaign_id", how="left_anti")
    return conform(assigned.unionByName(unplanned.select(*assigned.columns)), CAMPAIGN_AUDIENCE)
