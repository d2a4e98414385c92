"""Who takes part in a campaign, and with which variant: a salted hash, the same in Spark and in plain Python.

A user's bucket hangs on the salt, the campaign and the user alone. Which buckets a variant has is written down
(silver.campaign_allocations) and only ever grows, out of buckets that no variant has: so neither a new variant nor a larger share
moves anyone from one variant to another. For three variants or more no rule without such a memory can do that.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mapping_spark.campaign.outcomes import UNKNOWN_SEGMENT
from mapping_spark.campaign.settings import AssignmentConfig, CampaignPlan
from mapping_spark.errors import ConfigError
from mapping_spark.tables.experiments import CAMPAIGN_ASSIGNMENT_COUNTS, CAMPAIGN_ASSIGNMENTS
from mapping_spark.tables.frames import conform

N_BUCKETS = 10_000
NO_CONSENT, FREQUENCY_CAP, GLOBAL_HOLDOUT = "(no consent)", "(frequency cap)", "(global holdout)"
OTHER_CAMPAIGN, NOT_SELECTED = "(other campaign)", "(not selected)"
"""Why a user has no variant, in the order in which the rules apply. No variant's name begins with a parenthesis."""

_SEPARATOR = "\x1f"  # no id holds a control character, so the joined text has one reading
_HEX_DIGITS = 13  # 52 bits: exact in every language, and 10,000 buckets are even to 10^-12


@dataclass(frozen=True, slots=True, order=True)
class Range:
    """Buckets of one variant, both ends inclusive."""

    first: int
    last: int
    variant: str

    @property
    def size(self) -> int:
        """Buckets in it."""
        return self.last - self.first + 1


def bucket(*parts: str) -> int:
    """0 to 9,999, from the first 52 bits of SHA-256 over the parts (salt, purpose, campaign or layer, user)."""
    digest = hashlib.sha256(_SEPARATOR.join(parts).encode()).hexdigest()
    return int(digest[:_HEX_DIGITS], 16) % N_BUCKETS


def bucket_column(*parts: str | Column) -> Column:
    """`bucket` in Spark: texts are constants, columns are read per row."""
    joined = F.concat_ws(_SEPARATOR, *(F.lit(part) if isinstance(part, str) else part for part in parts))
    return F.conv(F.left(F.sha2(joined, 256), F.lit(_HEX_DIGITS)), 16, 10).cast("bigint") % N_BUCKETS


def allocate(shares: Mapping[str, Decimal], before: Sequence[Range] = (), *, where: str = "a campaign") -> list[Range]:
    """The ranges to add to `before`, so that every variant has its share of the buckets; [] where all have it.

    Raises `ConfigError` where a share was lowered, a variant taken away, or too few buckets are free.
    """
    has: dict[str, int] = dict.fromkeys(shares, 0)
    for one in before:
        has[one.variant] = has.get(one.variant, 0) + one.size
    wanted = {variant: int(share * N_BUCKETS) for variant, share in shares.items()}
    lowered = [f"{name} from {n / N_BUCKETS} to {wanted.get(name, 0) / N_BUCKETS}" for name, n in has.items() if n > wanted.get(name, 0)]
    n_free = N_BUCKETS - sum(has.values())
    n_new = sum(wanted.values()) - sum(has.values())
    if lowered or n_new > n_free:
        found = f"lowers {', '.join(lowered)}" if lowered else f"asks for {n_new / N_BUCKETS} more where {n_free / N_BUCKETS} is free"
        raise ConfigError(where, found, "shares that only grow", "Keep the shares, or plan a new campaign under another key.")
    free = _free(before)
    added: list[Range] = []
    for variant, n in wanted.items():
        added += _taken(free, n - has[variant], variant)
    return added


def _free(before: Sequence[Range]) -> list[tuple[int, int]]:
    """Ranges without a variant, ascending."""
    ends = [-1, *(one.last for one in sorted(before))]
    starts = [*(one.first for one in sorted(before)), N_BUCKETS]
    return [(end + 1, start - 1) for end, start in zip(ends, starts, strict=True) if end + 1 < start]


def _taken(free: list[tuple[int, int]], n: int, variant: str) -> list[Range]:
    """Take `n` buckets from the front of `free`."""
    taken = []
    while n > 0:
        first, last = free.pop(0)
        end = min(last, first + n - 1)
        taken.append(Range(first, end, variant))
        if end < last:
            free.insert(0, (end + 1, last))
        n -= end - first + 1
    return taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What the rules look at, for one user."""

    user_id: str
    has_consent: bool
    n_recent_sends: int = 0


def assign(user: Candidate, campaign_id: str, config: AssignmentConfig, ranges: Sequence[Range]) -> str:
    """The user's variant in a campaign, or why there is none: the same as `with_status` says in Spark."""
    plan, salt = config.campaigns[campaign_id], config.salt
    if not user.has_consent:
        return NO_CONSENT
    if config.max_sends is not None and user.n_recent_sends >= config.max_sends:
        return FREQUENCY_CAP
    if bucket(salt, "holdout", user.user_id) < config.global_holdout * N_BUCKETS:
        return GLOBAL_HOLDOUT
    if plan.layer is not None and not _begins(plan) <= bucket(salt, "layer", plan.layer, user.user_id) < _ends(plan):
        return OTHER_CAMPAIGN
    own = bucket(salt, "campaign", campaign_id, user.user_id)
    return next((one.variant for one in ranges if one.first <= own <= one.last), NOT_SELECTED)


def with_status(users: DataFrame, config: AssignmentConfig, ranges: Mapping[str, Sequence[Range]]) -> DataFrame:
    """(campaign_id, user_id, stratum, status): one row per campaign of `ranges` (at least one) and user of `users`.

    `users`: user_id, segment, has_marketing_consent, n_recent_sends (null: none), one row per user, read once for all campaigns.
    """
    each = [F.struct(F.lit(name).alias("campaign_id"), _status(name, config, of).alias("status")) for name, of in sorted(ranges.items())]
    stratum = F.coalesce("segment", F.lit(UNKNOWN_SEGMENT)).alias("stratum")
    return users.select("user_id", stratum, F.inline(F.array(*each)))


def _status(campaign_id: str, config: AssignmentConfig, ranges: Sequence[Range]) -> Column:
    plan, salt, user = config.campaigns[campaign_id], config.salt, F.col("user_id")
    is_capped = F.lit(False) if config.max_sends is None else F.coalesce("n_recent_sends", F.lit(0)) >= config.max_sends
    is_held_out = bucket_column(salt, "holdout", user) < int(config.global_holdout * N_BUCKETS)
    place = bucket_column(salt, "layer", plan.layer or "", user)
    is_elsewhere = F.lit(False) if plan.layer is None else (place < _begins(plan)) | (place >= _ends(plan))
    own, variant = bucket_column(salt, "campaign", campaign_id, user), F.lit(NOT_SELECTED)
    for one in ranges:
        variant = F.when(own.between(one.first, one.last), F.lit(one.variant)).otherwise(variant)
    return (
        F.when(~F.coalesce("has_marketing_consent", F.lit(False)), F.lit(NO_CONSENT))
        .when(is_capped, F.lit(FREQUENCY_CAP))
        .when(is_held_out, F.lit(GLOBAL_HOLDOUT))
        .when(is_elsewhere, F.lit(OTHER_CAMPAIGN))
        .otherwise(variant)
    )


def _begins(plan: CampaignPlan) -> int:
    return int(plan.layer_from * N_BUCKETS)


def _ends(plan: CampaignPlan) -> int:
    return int(plan.layer_to * N_BUCKETS)


def recent_sends(events: DataFrame, as_of: dt.date, cap_days: int) -> DataFrame:
    """(user_id, n_recent_sends): sends of any campaign on the `cap_days` business days before `as_of`."""
    is_recent = F.col("event_date").between(F.lit(as_of - dt.timedelta(days=cap_days)), F.lit(as_of - dt.timedelta(days=1)))
    sends = events.where((F.col("event_type") == "campaign_send") & is_recent)
    return sends.groupBy("user_id").agg(F.count(F.lit(1)).alias("n_recent_sends"))


def keep_assigned(statuses: DataFrame, assigned: DataFrame) -> DataFrame:
    """`with_status` where a user who was assigned before (silver.campaign_assignments) keeps what he was given, cap or no cap."""
    kept = assigned.select("campaign_id", "user_id", F.col("variant").alias("kept"))  # one row per (campaign, user)
    joined = statuses.join(kept, on=["campaign_id", "user_id"], how="left")
    return joined.withColumn("status", F.coalesce("kept", "status")).drop("kept")


def build_assignments(statuses: DataFrame, as_of: dt.date) -> DataFrame:
    """silver.campaign_assignments: those whose status is a variant."""
    chosen = statuses.where(~F.col("status").startswith("("))
    assigned_at = F.lit(dt.datetime.combine(as_of, dt.time(), dt.UTC))
    return conform(chosen.withColumns({"variant": F.col("status"), "assigned_at": assigned_at}), CAMPAIGN_ASSIGNMENTS)


def build_counts(statuses: DataFrame, as_of: dt.date) -> DataFrame:
    """The slice of gold.campaign_assignment_counts of a date: every user once per campaign."""
    counts = statuses.groupBy("campaign_id", "stratum", "status").agg(F.count(F.lit(1)).alias("n_users"))
    return conform(counts.withColumn("as_of_date", F.lit(as_of)), CAMPAIGN_ASSIGNMENT_COUNTS)
