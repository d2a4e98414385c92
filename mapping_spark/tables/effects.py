"""What campaigns did where no one was held out."""

from mapping_spark.tables.contract import Check, Column, Table


def _number(name: str, doc: str, unit: str = "") -> Column:
    return Column(name, "double", f"{doc}; null where there is none.", unit=unit, nullable=True)


CAMPAIGN_EFFECTS = Table(
    name="gold.campaign_effects",
    grain="one row per (campaign, metric, method, origin): estimates without a holdout, and their placebos",
    columns=(
        Column("campaign_id", "string", "Campaign key."),
        Column("metric", "string", "`revenue` (all purchases) or `campaign_revenue` (of the campaign's items).", is_category=True),
        Column("method", "string", "`difference_in_differences`, `matched` or `synthetic_control` (campaign/effect.py).", is_category=True),
        Column("origin", "int", "Week taken for the start: 0 is the real one, negative ones are placebos.", unit="weeks from the start"),
        _number("effect", "Mailed users against others, after the origin against before", "currency per mailed user and week"),
        _number("ci_low", "Lower end of the 95 % interval over users; synthetic controls have none", "currency per mailed user and week"),
        _number("ci_high", "Upper end of the 95 % interval over users; synthetic controls have none", "currency per mailed user and week"),
        Column("n_weeks", "int", "Weeks from the origin on that are compared.", unit="weeks"),
        Column("n_mailed", "bigint", "Mailed users compared.", unit="users"),
        Column("n_others", "bigint", "Users they are compared with.", unit="users"),
        Column("n_unmatched", "bigint", "Mailed users without anyone like them, left out.", unit="users"),
        _number("fit_error", "How far the synthetic control is off before the origin", "currency per mailed user and week"),
        _number("placebo_p_value", "Of the real origin: share of all origins with an effect at least as far from 0"),
        _number("largest_placebo", "Of the real origin: placebo effect farthest from 0", "currency per mailed user and week"),
        _number("bears", "Of the real origin: how many times the largest placebo the assumptions may fail until the effect is gone"),
        Column("assumptions", "string", "What the estimate rests on."),
    ),
    primary_key=("campaign_id", "metric", "method", "origin"),
    checks=(
        Check(name="known_method", condition="method IN ('difference_in_differences', 'matched', 'synthetic_control')"),
        Check(name="interval_in_order", condition="ci_low <= ci_high"),
        Check(name="origin_not_after", condition="origin <= 0"),
    ),
)
