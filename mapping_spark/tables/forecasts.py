"""What KPIs and campaigns are expected to bring, which days stand out, and what rules say should be done."""

from mapping_spark.tables.contract import Check, Column, Table

_AS_OF = Column("as_of_date", "date", "Only events of earlier business days were used.", unit="business time zone")
_CAMPAIGN = Column("campaign_id", "string", "Campaign key.")
_SERIES = Column("series", "string", "Daily KPI: `shop: revenue`, `campaign <id>: n_conversions` and their like.")

KPI_FORECASTS = Table(
    name="gold.kpi_forecasts",
    grain="one row per (as_of_date, series, model, day ahead)",
    columns=(
        _AS_OF,
        _SERIES,
        Column("model", "string", "Model of the series (campaign/forecast.py).", is_category=True),
        Column("date", "date", "Business day forecast.", unit="business time zone"),
        Column("forecast", "double", "Expected value, in the series' unit."),
        Column("low", "double", "Lower end of the 95 % band."),
        Column("high", "double", "Upper end of the 95 % band."),
        Column("is_best", "boolean", "Whether the model had the smallest mean absolute error at past origins."),
        Column("mae", "double", "Mean absolute error at past origins, in the series' unit."),
        Column("mase", "double", "The same over that of last week's value; null where the series repeats itself exactly.", nullable=True),
        Column("coverage", "double", "Share of days at past origins that lay within the band."),
        Column("n_origins", "int", "Past origins.", unit="origins"),
    ),
    primary_key=("as_of_date", "series", "model", "date"),
    partition_by=("as_of_date",),
    checks=(
        Check(name="within_the_band", condition="low <= forecast AND forecast <= high"),
        Check(name="coverage_is_a_share", condition="coverage BETWEEN 0 AND 1"),
        Check(name="ahead", condition="date >= as_of_date"),
    ),
)

CAMPAIGN_FORECASTS = Table(
    name="gold.campaign_forecasts",
    grain="one row per (as_of_date, campaign, measure) with at least three past campaigns",
    columns=(
        _AS_OF,
        _CAMPAIGN,
        Column("measure", "string", "`redemption_rate` or `revenue_per_user` (gold.campaign_kpis).", is_category=True),
        Column("forecast", "double", "What was to be expected when the campaign starts, from past ones like it."),
        Column("low", "double", "Lower end of the 95 % prediction interval."),
        Column("high", "double", "Upper end of the 95 % prediction interval."),
        Column("similar", "string", "The campaigns it rests on, most alike first."),
        Column("actual", "double", "What came; null where the campaign has not ended.", nullable=True),
        Column("n_record", "int", "Earlier forecasts that can be judged.", unit="campaigns"),
        Column("record_mae", "double", "Their mean absolute error; null where there are none.", nullable=True),
        Column("record_coverage", "double", "Share of them whose interval held what came; null where there are none.", nullable=True),
    ),
    primary_key=("as_of_date", "campaign_id", "measure"),
    partition_by=("as_of_date",),
    checks=(Check(name="within_the_interval", condition="0 <= low AND low <= forecast AND forecast <= high"),),
)

KPI_ANOMALIES = Table(
    name="gold.kpi_anomalies",
    grain="one row per (series, day) that stands out",
    columns=(
        _SERIES,
        Column("date", "date", "Business day.", unit="business time zone"),
        Column("value", "double", "The day's value, in the series' unit."),
        Column("expected", "double", "Median of the same weekday in the weeks before."),
        Column("deviation", "double", "Value less expected, in robust standard deviations."),
    ),
    primary_key=("series", "date"),
    checks=(Check(name="stands_out", condition="deviation <> 0"),),
)

CAMPAIGN_DECISIONS = Table(
    name="gold.campaign_decisions",
    grain="one row per (as_of_date, rule, campaign) where the rule fired; nothing is sent",
    columns=(
        _AS_OF,
        Column("rule", "string", "Name of the rule (settings, `decisions`)."),
        _CAMPAIGN,
        Column("action", "string", "What the rule asks for: `pause`, `raise` or `notify`.", is_category=True),
        Column("measure", "string", "Measure of gold.campaign_kpis, or an end of its interval.", is_category=True),
        Column("value", "double", "The measure."),
        Column("limit", "double", "The limit it lies beyond."),
        Column("reason", "string", "The same in words."),
    ),
    primary_key=("as_of_date", "rule", "campaign_id"),
    partition_by=("as_of_date",),
    checks=(Check(name="known_action", condition="action IN ('pause', 'raise', 'notify')"),),
)
