"""Which touch and which channel gets the credit for a conversion, and what came of each recommendation."""

from mapping_spark.tables.contract import Check, Column, Measure, Table

_METHOD = Column("method", "string", "How the credit is given (campaign/attribution.py).", is_category=True)
_CHANNEL = Column("channel", "string", "Channel of the touch; `(unattributed)` where no touch came before.")
_CREDIT = Column("conversions", "decimal(18,4)", "Conversions credited; over all channels they sum to the conversions.", unit="conversions")
_REVENUE = Column("revenue", "decimal(18,4)", "Revenue credited; over all channels it sums to the revenue.", unit="currency")
_NOT_NEGATIVE = Check(name="credit_not_negative", condition="conversions >= 0 AND revenue >= 0")

ATTRIBUTED_CONVERSIONS = Table(
    name="gold.attributed_conversions",
    grain="one row per (conversion, method, touch)",
    columns=(
        Column("conversion_id", "string", "Event id of the order's first purchase."),
        _METHOD,
        Column("position", "int", "Place of the touch in the order's path, from 1; 0 where there was none."),
        Column("user_id", "string", "User key."),
        Column("converted_at", "timestamp", "When the order began.", unit="UTC"),
        _CHANNEL,
        Column("campaign_id", "string", "Campaign of the touch; null where none is involved.", nullable=True),
        Column("touch_event_id", "string", "Event id of the touch; null where there was none.", nullable=True),
        _CREDIT,
        _REVENUE,
    ),
    primary_key=("conversion_id", "method", "position"),
    checks=(_NOT_NEGATIVE, Check(name="at_most_one_conversion", condition="conversions <= 1")),
)

CHANNEL_ATTRIBUTION = Table(
    name="gold.channel_attribution",
    grain="one row per (method, channel)",
    columns=(
        _METHOD,
        _CHANNEL,
        _CREDIT,
        _REVENUE,
        Column("removal_effect", "double", "Share of conversions lost without the channel; null but for Markov.", nullable=True),
        Column(
            "sampling_error",
            "double",
            "Standard error of the Shapley value, a conversion rate, from drawing orders of channels; 0 where every set was visited, "
            "null but for `shapley_rate`.",
            nullable=True,
        ),
        Column("as_of_date", "date", "Only events of earlier business days were used.", unit="business time zone"),
    ),
    primary_key=("method", "channel"),
    checks=(_NOT_NEGATIVE, Check(name="effect_is_a_share", condition="removal_effect BETWEEN 0 AND 1")),
)

RECOMMENDATION_OUTCOMES = Table(
    name="gold.recommendation_outcomes",
    grain="one row per recommendation that was shown, clicked or bought; every number adds up",
    columns=(
        Column("recommendation_id", "string", "Id of the recommendation (gold.recommendations)."),
        Column("as_of_date", "date", "Date of the list it stood in.", unit="business time zone"),
        Column("user_id", "string", "User key."),
        Column("item_id", "string", "Item key."),
        Column("segment", "string", "The user's segment; `unknown` where none is declared."),
        Column("model", "string", "Name of the model.", is_category=True),
        Column("run_id", "string", "The model run that made it (gold.model_runs)."),
        Column("n_impressions", "bigint", "Times it was shown.", unit="events"),
        Column("n_clicks", "bigint", "Times it was clicked.", unit="events"),
        Column("n_purchases", "bigint", "Purchases that name it, or that it was the last recommendation before.", unit="events"),
        Column("revenue", "decimal(18,4)", "What they brought.", unit="currency"),
        Column("gross_margin", "decimal(18,4)", "Assumed margin share times revenue.", unit="currency"),
        Column("cost", "decimal(18,4)", "Impressions times the assumed cost of one.", unit="currency"),
    ),
    primary_key=("recommendation_id",),
    partition_by=("as_of_date",),
    checks=(Check(name="counts_not_negative", condition="n_impressions >= 0 AND n_clicks >= 0 AND n_purchases >= 0 AND revenue >= 0"),),
    measures=(
        Measure(name="click_through_rate", numerator="n_clicks", denominator="n_impressions", doc="Clicks per impression."),
        Measure(name="revenue_per_impression", numerator="revenue", denominator="n_impressions", doc="Revenue per impression."),
        Measure(name="roi", numerator="gross_margin - cost", denominator="cost", doc="Net gain per unit of money spent on impressions."),
    ),
)
