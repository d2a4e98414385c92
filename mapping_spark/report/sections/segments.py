"""Who the households are."""

import altair as alt

from mapping_spark.report import charts
from mapping_spark.report.ask import Answer, Ask
from mapping_spark.report.blocks import Chart, Grid, Section, count, intervals, number, share_interval, words
from mapping_spark.tables.gold import CAMPAIGN_KPIS
from mapping_spark.tables.measures import measures_sql

ATTRIBUTES = {
    "segment": "Declared segment",
    "age_band": "Age of the head",
    "income_band": "Income, thousands a year",
    "household_size": "People",
    "household_type": "Composition",
}
"""Columns of silver.users to their titles."""

DECLARED = """
SELECT column_name, CASE WHEN kind = 'null' THEN 'undeclared' WHEN kind = 'other' THEN '(rare)' ELSE bin END AS value,
       SUM(n_rows) AS n_households
FROM ops.table_histograms
WHERE table_name = 'silver.users' AND as_of_date = :as_of
      AND column_name IN ('segment', 'age_band', 'income_band', 'household_size', 'household_type')
GROUP BY 1, 2
ORDER BY column_name, value = 'undeclared', try_cast(regexp_extract(value, '[0-9]+', 0) AS INT) - CAST(value ILIKE '%under%' AS INT), value
"""

HISTORY = """
SELECT segment, MAX(n_users) AS n_judged, MAX(n_users + n_users_skipped) AS n_households
FROM gold.model_metrics
WHERE as_of_date = :as_of AND metric = 'ndcg' AND protocol = 'all_items' AND segment NOT IN ('all', 'largest_gap')
GROUP BY segment
ORDER BY try_cast(regexp_extract(segment, '[0-9]+', 0) AS INT), segment
"""

RESPONSE = measures_sql(CAMPAIGN_KPIS, "gold.campaign_kpis", ("segment",)) + " ORDER BY segment"


def section(ask: Ask) -> Section:
    """What households declared, how much is known of them, and how each segment responded to campaigns."""
    declared, history, response = ask("declared", DECLARED), ask("history", HISTORY), ask("response", RESPONSE)
    n_declared = sum(row["n_households"] for row in declared.records if row["column_name"] == "segment" and row["value"] != "undeclared")
    n_silent = sum(row["n_households"] for row in declared.records if row["column_name"] == "segment") - n_declared
    lead = (
        f"{count(n_declared)} households declared a segment; {count(history.total('n_households'))} are known by what they bought, "
        "and every one of them can be recommended to."
    )
    columns = (
        words("segment", "segment"),
        number("users in campaigns", "n_users"),
        number("redeemed", "n_converted_users"),
        number("share [95 %]", "redemption_rate", "redemption_rate_low", "redemption_rate_high", show=share_interval),
        number("revenue", "revenue"),
        number("per user [95 %]", "revenue_per_user", "revenue_per_user_low", "revenue_per_user_high", show=intervals(2)),
    )
    known = (
        words("items known before the date", "segment"),
        number("households", "n_households"),
        number("judged", "n_judged"),
    )
    present = [name for name in ATTRIBUTES if name in declared.values("column_name")]
    return Section(
        lead,
        (
            Chart(
                "What they declared",
                f"Households that declared it; {count(n_silent)} declared no segment.",
                (declared,),
                [attribute(declared, name) for name in present],
                is_wide=False,
            ),
            Grid("How much is known of them", history, known),
            Grid("What each segment did in all campaigns together", response, columns),
        ),
    )


def attribute(declared: Answer, name: str) -> alt.LayerChart:
    """Bars of one attribute."""
    title = ATTRIBUTES[name]
    axis = alt.Axis(title=None, labels=False, grid=False)
    chart = charts.bars(declared, "value", "n_households", axis)
    mine = chart.transform_filter(f"datum.column_name == '{name}' && datum.value != 'undeclared'")
    n_values = sum(row["column_name"] == name and row["value"] != "undeclared" for row in declared.records)
    return mine.properties(height=24 * max(n_values, 1), title=title, description=f"Households by {title.lower()}.")
