"""One run of the assignment: ranges first, then users, then counts; killed in between, it is run again."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import DataFrame

from mapping_spark.campaign.assignment import Range, allocate, build_assignments, build_counts, keep_assigned, recent_sends, with_status
from mapping_spark.campaign.settings import AssignmentConfig
from mapping_spark.tables.experiments import CAMPAIGN_ALLOCATIONS, CAMPAIGN_ASSIGNMENT_COUNTS, CAMPAIGN_ASSIGNMENTS
from mapping_spark.tables.frames import rows
from mapping_spark.tables.store import Store


def assign_campaigns(store: Store, users: DataFrame, events: DataFrame, config: AssignmentConfig, as_of: dt.date) -> None:
    """Assign silver.users to every planned campaign as of a date. Users who were assigned before keep their variant.

    Where no campaign is planned there is nothing to do.
    """
    if not config.campaigns:
        return
    ranges = extend_ranges(store, config)
    recent = recent_sends(events, as_of, config.cap_days)  # one row per user
    candidates = users.select("user_id", "segment", "has_marketing_consent").join(recent, on="user_id", how="left")
    statuses = keep_assigned(with_status(candidates, config, ranges), store.read(CAMPAIGN_ASSIGNMENTS)).persist()
    store.insert_new(CAMPAIGN_ASSIGNMENTS, build_assignments(statuses, as_of))
    store.replace_slice(CAMPAIGN_ASSIGNMENT_COUNTS, build_counts(statuses, as_of), {"as_of_date": as_of})
    statuses.unpersist()


def extend_ranges(store: Store, config: AssignmentConfig) -> dict[str, list[Range]]:
    """The ranges of every planned campaign, after those that its shares ask for have been added to silver.campaign_allocations."""
    known: dict[str, list[Range]] = {name: [] for name in config.campaigns}
    for row in store.read(CAMPAIGN_ALLOCATIONS).collect():  # a few rows per campaign
        known.setdefault(row.campaign_id, []).append(Range(row.first_bucket, row.last_bucket, row.variant))
    added = {name: allocate(plan.shares, known[name], where=f"assignment.campaigns.{name}") for name, plan in config.campaigns.items()}
    new = [
        {"campaign_id": name, "first_bucket": one.first, "last_bucket": one.last, "variant": one.variant}
        for name, ranges in added.items()
        for one in ranges
    ]
    if new:
        store.insert_new(CAMPAIGN_ALLOCATIONS, rows(store.spark, CAMPAIGN_ALLOCATIONS, *new))
    return {name: [*known[name], *ranges] for name, ranges in added.items()}
