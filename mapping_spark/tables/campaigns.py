"""Gold about campaigns and activity, finer and wider than gold.campaign_kpis: by hour, revisions, findings, reach, cohorts."""

from mapping_spark.tables.contract import Check, Column, Measure, Table
from mapping_spark.tables.gold import CAMPAIGN_COUNTS, CAMPAIGN_MONEY, CAMPAIGN_RATIOS, GROSS_MARGIN, RATES_VERSION, SUM_CHECKS

_CAMPAIGN = Column("campaign_id", "string", "Campaign key.")
_VARIANT = Column("variant", "string", "What the users were given.")
_SEGMENT = Column("segment", "string", "Segment of the users; `unknown` where none is declared.")
_DATE = Column("date", "date", "Business day.", unit="business time zone")
_CHANNEL = Column("channel", "string", "Channel of the event, else of the campaign.")
_MODEL = Column("model", "string", "Model that made the recommendation the event names; `none` where it names none that is known.")
_USERS = Column("n_users", "bigint", "Users.", unit="users")
_SUMS = (*CAMPAIGN_COUNTS, *CAMPAIGN_MONEY, GROSS_MARGIN, RATES_VERSION)

CAMPAIGN_HOURLY_KPIS = Table(
    name="gold.campaign_hourly_kpis",
    grain="one row per (business day, hour, campaign, variant, segment, channel, model) with an event",
    columns=(
        _DATE,
        Column("hour_at", "timestamp", "Start of the hour.", unit="UTC"),
        _CAMPAIGN,
        _VARIANT,
        _SEGMENT,
        _CHANNEL,
        _MODEL,
        *_SUMS,
    ),
    primary_key=("date", "hour_at", "campaign_id", "variant", "segment", "channel", "model"),
    partition_by=("date",),
    checks=SUM_CHECKS,
    measures=CAMPAIGN_RATIOS,
)

CAMPAIGN_DAILY_SEGMENT_KPIS = Table(
    name="gold.campaign_daily_segment_kpis",
    grain="one row per (business day, campaign, variant, segment, channel, model) with an event",
    columns=(_DATE, _CAMPAIGN, _VARIANT, _SEGMENT, _CHANNEL, _MODEL, *_SUMS),
    primary_key=("date", "campaign_id", "variant", "segment", "channel", "model"),
    checks=SUM_CHECKS,
    measures=CAMPAIGN_RATIOS,
)

REVISED = ("n_impressions", "n_clicks", "n_conversions", "n_purchases", "revenue", "refunds")
"""The numbers of a day of which a revision tells what they were before."""

CAMPAIGN_DAILY_REVISIONS = Table(
    name="gold.campaign_daily_revisions",
    grain="one row per (campaign, variant, business day) and run that changed it after it had been published",
    columns=(
        _CAMPAIGN,
        _VARIANT,
        _DATE,
        Column("revised_at", "timestamp", "Start of the run that changed it.", unit="UTC"),
        *(
            Column(f"{c.name}_{when}", c.type, f"{c.doc} {when.capitalize()} the change; 0 where the day had no row.", unit=c.unit)
            for c in (*CAMPAIGN_COUNTS, *CAMPAIGN_MONEY)
            if c.name in REVISED
            for when in ("before", "after")
        ),
    ),
    primary_key=("campaign_id", "variant", "date", "revised_at"),
    checks=(Check(name="counts_not_negative", condition="n_conversions_before >= 0 AND n_conversions_after >= 0"),),
)

CAMPAIGN_FINDINGS = Table(
    name="gold.campaign_findings",
    grain="one row per (campaign, finding): what to know before its numbers are believed",
    columns=(
        _CAMPAIGN,
        Column("finding", "string", "What was found, as a code.", is_category=True),
        Column("meaning", "string", "The same in words, and how the tables count it."),
        Column("n_users", "bigint", "Users it is about; 0 where it is about the campaign.", unit="users"),
        Column("n_events", "bigint", "Events it is about; 0 where it is about users or the campaign.", unit="events"),
        Column("amount", "decimal(18,4)", "Money it is about; null where none is.", unit="currency", nullable=True),
    ),
    primary_key=("campaign_id", "finding"),
    checks=(Check(name="counts_not_negative", condition="n_users >= 0 AND n_events >= 0"),),
)

CAMPAIGN_REACH = Table(
    name="gold.campaign_reach",
    grain="one row per (business day, campaign, variant, segment, action)",
    columns=(
        _DATE,
        _CAMPAIGN,
        _VARIANT,
        _SEGMENT,
        Column("action", "string", "What the users did: `impression`, `click`, `conversion` or `purchase`.", is_category=True),
        Column("n_users", "bigint", "Different users, exactly; not to be summed over days or campaigns.", unit="users"),
        Column(
            "users_sketch", "binary", "HLL sketch of them, 2^12 buckets: merged (hll_union_agg), it estimates any roll-up within 1.6 %."
        ),
    ),
    primary_key=("date", "campaign_id", "variant", "segment", "action"),
    partition_by=("date",),
    checks=(Check(name="some_users", condition="n_users > 0"),),
)

CAMPAIGN_FUNNEL = Table(
    name="gold.campaign_funnel",
    grain="one row per (campaign, variant, segment); every number adds up",
    columns=(
        _CAMPAIGN,
        _VARIANT,
        _SEGMENT,
        _USERS,
        Column("n_sent", "bigint", "Users who were sent a message.", unit="users"),
        Column("n_seen", "bigint", "Of these, users who saw it: an impression or open.", unit="users"),
        Column("n_clicked", "bigint", "Of these, users who clicked.", unit="users"),
        Column("n_converted", "bigint", "Of these, users who converted.", unit="users"),
        Column("n_converted_anyhow", "bigint", "Users who converted, whatever was seen of the steps before.", unit="users"),
    ),
    primary_key=("campaign_id", "variant", "segment"),
    checks=(
        Check(name="narrows", condition="n_users >= n_sent AND n_sent >= n_seen AND n_seen >= n_clicked AND n_clicked >= n_converted"),
    ),
    measures=tuple(
        Measure(name=name, numerator=of, denominator=by, doc=doc, interval="wilson")
        for name, of, by, doc in (
            ("seen_share", "n_seen", "n_sent", "Share of the users sent a message who saw it."),
            ("clicked_share", "n_clicked", "n_seen", "Share of those who saw it who clicked."),
            ("converted_share", "n_converted", "n_clicked", "Share of those who clicked who converted."),
            ("conversion_rate", "n_converted_anyhow", "n_users", "Share of the audience that converted."),
        )
    ),
)

CONVERSION_DELAYS = Table(
    name="gold.conversion_delays",
    grain="one row per (campaign, variant, days from assignment to first conversion)",
    columns=(
        _CAMPAIGN,
        _VARIANT,
        Column("days", "int", "Whole days from assignment to the first conversion; negative where it came before.", unit="d"),
        Column("n_users", "bigint", "Users whose first conversion came then.", unit="users"),
    ),
    primary_key=("campaign_id", "variant", "days"),
    checks=(Check(name="some_users", condition="n_users > 0"),),
)

USER_COHORTS = Table(
    name="gold.user_cohorts",
    grain="one row per (week of the first event, weeks since)",
    columns=(
        Column("cohort_date", "date", "Monday of the week of the user's first event.", unit="business time zone"),
        Column("week", "int", "Weeks since, from 0.", unit="weeks"),
        Column("n_users", "bigint", "Users of the cohort: the same in all its weeks.", unit="users"),
        Column("n_active_users", "bigint", "Of these, users with an event in that week.", unit="users"),
        Column("is_complete", "boolean", "Whether the week was over before the date."),
    ),
    primary_key=("cohort_date", "week"),
    checks=(Check(name="active_within_cohort", condition="n_active_users <= n_users"),),
    measures=(
        Measure(
            name="retention", numerator="n_active_users", denominator="n_users", doc="Share of the cohort active then.", interval="wilson"
        ),
    ),
)

USER_ACTIVITY = Table(
    name="gold.user_activity",
    grain="one row per business day",
    columns=(
        _DATE,
        Column("n_daily_users", "bigint", "Users with an event that day.", unit="users"),
        Column("n_weekly_users", "bigint", "Users with an event on it or the 6 days before.", unit="users"),
        Column("n_monthly_users", "bigint", "Users with an event on it or the 29 days before.", unit="users"),
        Column("is_full_month", "boolean", "Whether the data holds all 30 days."),
    ),
    primary_key=("date",),
    checks=(Check(name="nested", condition="n_daily_users <= n_weekly_users AND n_weekly_users <= n_monthly_users"),),
    measures=(
        Measure(
            name="stickiness",
            numerator="n_daily_users",
            denominator="n_monthly_users",
            doc="DAU / MAU; over days the ratio of their sums.",
        ),
    ),
)

PUBLISHED = ("n_users", "n_impressions", "n_clicks", "n_conversions", "n_converted_users", "revenue", "refunds", "discount", "cost")
"""The numbers of gold.campaign_kpis that are published."""

PUBLISHED_CAMPAIGN_KPIS = Table(
    name="gold.published_campaign_kpis",
    grain="one row per (campaign, variant, segment), and the total `all` of each (campaign, variant)",
    columns=(
        _CAMPAIGN,
        _VARIANT,
        Column("segment", "string", "Segment of the users; `all` for the total."),
        Column("is_withheld", "boolean", "Whether the group is too small, or would give a too small one away by subtraction."),
        Column("n_users", "bigint", "Users of the group; null where withheld.", unit="users", nullable=True),
        Column("n_impressions", "bigint", "Impressions; null where withheld.", unit="events", nullable=True),
        Column("n_clicks", "bigint", "Clicks; null where withheld.", unit="events", nullable=True),
        Column("n_conversions", "bigint", "Conversions; null where withheld.", unit="events", nullable=True),
        Column("n_converted_users", "bigint", "Users who converted; null where withheld.", unit="users", nullable=True),
        *(
            Column(name, "decimal(18,4)", f"{name.capitalize()}; null where withheld.", unit="currency", nullable=True)
            for name in ("revenue", "refunds", "discount", "cost")
        ),
    ),
    primary_key=("campaign_id", "variant", "segment"),
    checks=(Check(name="withheld_is_null", condition="is_withheld = (n_users IS NULL)"),),
)
