"""Silver: clean, typed, unique. Ids are the source's own text; `*_idx` are the integers models use."""

from mapping_spark.tables.contract import Check, Column, Table
from mapping_spark.tables.limits import Limit

EVENT_TYPES = (
    "impression",
    "view",
    "click",
    "dwell",
    "search",
    "like",
    "comment",
    "share",
    "rating",
    "cart",
    "purchase",
    "refund",
    "campaign_send",
    "campaign_open",
    "campaign_click",
    "coupon_redeem",
    "unsubscribe",
)

_EVENT_COLUMNS = (
    Column("event_id", "string", "Id of the event, unique within the de-duplication window."),
    Column("user_id", "string", "User key as the source wrote it, in canonical form."),
    Column("item_id", "string", "Item key; null where the event is not about an item.", nullable=True),
    Column("event_type", "string", "What happened: one of the declared event types.", is_category=True),
    Column("event_at", "timestamp", "When it happened.", unit="UTC"),
    Column("event_date", "date", "Business day of the event.", unit="business time zone"),
    Column("quantity", "double", "Units; null where counting makes no sense.", unit="units", nullable=True),
    Column("value", "decimal(18,4)", "Money paid; null where no money moved.", unit="currency", nullable=True),
    Column("discount", "decimal(18,4)", "Coupon discount in the event; null where no coupon applies.", unit="currency", nullable=True),
    Column("currency", "string", "ISO 4217 code of `value`; null where no money moved.", nullable=True, is_category=True),
    Column("session_id", "string", "Session or basket; null where the source has none.", nullable=True),
    Column("channel", "string", "Marketing or sales channel; null where unknown.", nullable=True, is_category=True),
    Column("platform", "string", "Platform or shop; null where unknown.", nullable=True, is_category=True),
    Column("campaign_id", "string", "Campaign; null where none is involved.", nullable=True),
    Column("variant", "string", "Campaign variant; null where none is involved.", nullable=True, is_category=True),
    Column("recommendation_id", "string", "Recommendation that led here; null where none did.", nullable=True),
    Column("source", "string", "Name of the declared source.", is_category=True),
    Column("batch_id", "bigint", "The bronze batch that brought it."),
)
_EVENT_CHECKS = (
    Check(name="known_event_type", condition="event_type IN (" + ", ".join(f"'{name}'" for name in EVENT_TYPES) + ")"),
    Check(name="quantity_positive", condition="quantity > 0"),
    Check(name="value_not_negative", condition="value >= 0"),
    Check(name="discount_not_negative", condition="discount >= 0"),
    Check(name="value_has_currency", condition="value IS NULL OR currency IS NOT NULL"),
)

EVENTS = Table(
    name="silver.events",
    grain="one row per event_id",
    columns=_EVENT_COLUMNS,
    primary_key=("event_id",),
    partition_by=("event_date",),
    checks=_EVENT_CHECKS,
    limits=(
        Limit(measure="n_rows", at_least=1, breach="stop"),
        Limit(measure="row_change", at_least=-0.05, breach="stop"),  # events are only ever added
        Limit(measure="freshness_days", column="event_date", at_most=7),
        Limit(measure="null_share", column="item_id", at_most=0.9),
        Limit(measure="psi", column="event_type", at_most=0.25),
        Limit(measure="psi", column="source", at_most=0.25),
        Limit(measure="js", column="currency", at_most=0.1),
        Limit(measure="js", column="value", at_most=0.2),
        Limit(measure="js", column="quantity", at_most=0.2),
    ),
)

LATE_EVENTS = Table(
    name="silver.late_events",
    grain="one row per valid event that came after the declared window",
    columns=_EVENT_COLUMNS,
    primary_key=("event_id",),
    partition_by=("source",),
    checks=_EVENT_CHECKS,
)

QUARANTINE = Table(
    name="silver.quarantine",
    grain="one row per rejected record",
    columns=(
        Column("source", "string", "Name of the declared source."),
        Column("source_file", "string", "The file the record came in."),
        Column("source_offset", "bigint", "Position of the record in its file."),
        Column("reason_codes", "string", "Every rule the record breaks: codes, sorted, separated by commas."),
        Column("reason", "string", "The same in words."),
        Column("payload", "string", "The record as text, as it lies in bronze."),
        Column("batch_id", "bigint", "The bronze batch that brought it."),
        Column("event_id", "string", "Id of the event; null where none could be read.", nullable=True),
    ),
    primary_key=("source", "source_file", "source_offset"),
    partition_by=("source",),
    checks=(Check(name="has_a_reason", condition="length(reason_codes) > 0"),),
)

ITEMS = Table(
    name="silver.items",
    grain="one row per item",
    columns=(
        Column("item_id", "string", "Item key."),
        Column("title", "string", "What people call it."),
        Column("category", "string", "Category of the catalogue.", is_category=True),
        Column("brand", "string", "Brand or its kind.", is_category=True),
        Column("price", "decimal(18,4)", "List price; null where the catalogue has none.", unit="currency", nullable=True),
        Column("text", "string", "All words the item is described by."),
        Column("is_available", "boolean", "Whether it can be recommended now."),
    ),
    primary_key=("item_id",),
    checks=(Check(name="price_not_negative", condition="price >= 0"), Check(name="id_not_blank", condition="length(trim(item_id)) > 0")),
    limits=(
        Limit(measure="n_rows", at_least=1, breach="stop"),
        Limit(measure="row_change", at_least=-0.5, breach="stop"),  # half a catalogue is a broken delivery
        Limit(measure="psi", column="is_available", at_most=0.25),
        Limit(measure="js", column="category", at_most=0.3),
        Limit(measure="js", column="price", at_most=0.3),
    ),
)

USERS = Table(
    name="silver.users",
    grain="one row per user",
    columns=(
        Column("user_id", "string", "User key."),
        Column(
            "age_band", "string", "Age of the head of the household; null where undeclared.", unit="years", nullable=True, is_category=True
        ),
        Column(
            "income_band",
            "string",
            "Household income; null where undeclared.",
            unit="1,000 currency a year",
            nullable=True,
            is_category=True,
        ),
        Column(
            "household_size", "string", "People in the household; null where undeclared.", unit="people", nullable=True, is_category=True
        ),
        Column("household_type", "string", "Composition of the household; null where undeclared.", nullable=True, is_category=True),
        Column("segment", "string", "Declared segment; null where the attributes are unknown.", nullable=True, is_category=True),
        Column("has_marketing_consent", "boolean", "Whether the user may be recommended to and mailed."),
    ),
    primary_key=("user_id",),
    checks=(Check(name="id_not_blank", condition="length(trim(user_id)) > 0"),),
    limits=(
        Limit(measure="row_change", at_least=-0.5, breach="stop"),
        Limit(measure="psi", column="has_marketing_consent", at_most=0.25, breach="stop"),  # who may be mailed does not turn overnight
        Limit(measure="psi", column="segment", at_most=0.25),
        Limit(measure="psi", column="age_band", at_most=0.25),
    ),
)

USER_IDS = Table(
    name="silver.user_ids",
    grain="one row per user_id",
    columns=(
        Column("user_id", "string", "User key."),
        Column("user_idx", "bigint", "The integer that models use: contiguous from 0, never renumbered."),
    ),
    primary_key=("user_id",),
    checks=(Check(name="index_from_0", condition="user_idx >= 0"),),
)

ITEM_IDS = Table(
    name="silver.item_ids",
    grain="one row per item_id",
    columns=(
        Column("item_id", "string", "Item key."),
        Column("item_idx", "bigint", "The integer that models use: contiguous from 0, never renumbered."),
    ),
    primary_key=("item_id",),
    checks=(Check(name="index_from_0", condition="item_idx >= 0"),),
)

INTERACTIONS = Table(
    name="silver.interactions",
    grain="one row per (as_of_date, user, item)",
    columns=(
        Column("as_of_date", "date", "Only events of earlier business days are counted.", unit="business time zone"),
        Column("user_id", "string", "User key."),
        Column("item_id", "string", "Item key."),
        Column("user_idx", "bigint", "The user's integer."),
        Column("item_idx", "bigint", "The item's integer."),
        Column("weight", "double", "Sum of event-type weights, each halved every half-life before the date."),
        Column("n_events", "bigint", "Events counted.", unit="events"),
        Column("first_at", "timestamp", "First event counted.", unit="UTC"),
        Column("last_at", "timestamp", "Last event counted.", unit="UTC"),
    ),
    primary_key=("as_of_date", "user_id", "item_id"),
    partition_by=("as_of_date",),
    checks=(
        Check(name="weight_positive", condition="weight > 0"),
        Check(name="events_from_1", condition="n_events >= 1"),
        Check(name="first_before_last", condition="first_at <= last_at"),
    ),
    limits=(
        Limit(measure="n_rows", at_least=1, breach="stop"),
        Limit(measure="row_change", at_least=-0.5, breach="stop"),  # histories end only where users are forgotten
        Limit(measure="freshness_days", column="last_at", at_most=7),
        Limit(measure="js", column="weight", at_most=0.2),
        Limit(measure="js", column="n_events", at_most=0.2),
    ),
)

CAMPAIGNS = Table(
    name="silver.campaigns",
    grain="one row per campaign",
    columns=(
        Column("campaign_id", "string", "Campaign key."),
        Column("campaign_type", "string", "Kind of campaign as the source names it."),
        Column("channel", "string", "How it reaches people."),
        Column("start_at", "timestamp", "Start, inclusive.", unit="UTC"),
        Column("end_at", "timestamp", "End, exclusive; null where none is set: it runs on.", unit="UTC", nullable=True),
        Column(
            "unit_cost",
            "decimal(18,4)",
            "Cost of one send (an assumption of the configuration where the source has none).",
            unit="currency",
        ),
        Column("budget", "decimal(18,4)", "Budget; null where none is set.", unit="currency", nullable=True),
    ),
    primary_key=("campaign_id",),
    checks=(
        Check(name="ends_after_start", condition="start_at < end_at"),
        Check(name="cost_not_negative", condition="unit_cost >= 0"),
    ),
)

CAMPAIGN_AUDIENCE = Table(
    name="silver.campaign_audience",
    grain="one row per (campaign, user)",
    columns=(
        Column("campaign_id", "string", "Campaign key."),
        Column("user_id", "string", "User key."),
        Column("variant", "string", "What the user was given; `control` where held out."),
        Column("assigned_at", "timestamp", "When the user was assigned; where nobody was, when first sent the campaign.", unit="UTC"),
    ),
    primary_key=("campaign_id", "user_id"),
    checks=(Check(name="variant_not_blank", condition="length(variant) > 0"),),
)

EXTERNAL_ASSIGNMENTS = Table(
    name="silver.external_assignments",
    grain="one row per (campaign, user) that another system assigned",
    columns=(
        Column("campaign_id", "string", "Campaign key."),
        Column("user_id", "string", "User key."),
        Column("variant", "string", "What the user was to be given; `control` where held out."),
        Column("assigned_at", "timestamp", "When, or when the campaign began: what is known before is older.", unit="UTC"),
    ),
    primary_key=("campaign_id", "user_id"),
    checks=(Check(name="variant_not_blank", condition="length(variant) > 0"),),
)

CAMPAIGN_ITEMS = Table(
    name="silver.campaign_items",
    grain="one row per (campaign, item)",
    columns=(Column("campaign_id", "string", "Campaign key."), Column("item_id", "string", "An item the campaign promotes.")),
    primary_key=("campaign_id", "item_id"),
    checks=(Check(name="item_not_blank", condition="length(item_id) > 0"),),
)

CURRENCY_RATES = Table(
    name="silver.currency_rates",
    grain="one row per (currency, first day of its rate); no two rates of a currency hold on one day",
    columns=(
        Column("currency", "string", "ISO 4217 code."),
        Column("valid_from", "date", "First day of the rate.", unit="business time zone"),
        Column(
            "valid_to",
            "date",
            "Day from which it no longer holds; null where it holds until further notice.",
            unit="business time zone",
            nullable=True,
        ),
        Column("rate", "decimal(18,8)", "What one unit is worth.", unit="declared currency"),
    ),
    primary_key=("currency", "valid_from"),
    checks=(Check(name="rate_positive", condition="rate > 0"), Check(name="ends_after_start", condition="valid_from < valid_to")),
)

BLOCKED_ITEMS = Table(
    name="silver.blocked_items",
    grain="one row per item that must not be recommended",
    columns=(Column("item_id", "string", "Item key."), Column("reason", "string", "Why it is blocked.")),
    primary_key=("item_id",),
    checks=(Check(name="reason_not_blank", condition="length(reason) > 0"),),
)
