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
        Column("as_of_date", "date", "Only events of earlier business days were used.", unit="business time zone"),
    ),
    primary_key=("method", "channel"),
    checks=(_NOT_NEGATIVE, Check(name="effect_is_a_share", condition="removal_effect BETWEEN 0 AND 1")),
    measures=(
        Measure(name="revenue_per_conversion", numerator="revenue", denominator="conversions", doc="Credited revenue per conversion."),
    ),
)
