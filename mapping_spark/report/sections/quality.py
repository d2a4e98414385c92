"""Quality over time: the limits that tables declare, and whether they were kept."""

import altair as alt

from mapping_spark.report import charts
from mapping_spark.report.ask import Answer, Ask
from mapping_spark.report.blocks import Chart, Column, Grid, Section, amount, count, number, share, words

DATES = 24
"""As-of dates that are shown, the latest ones."""

_BOTH = """(
    SELECT * FROM ops.table_drift UNION ALL SELECT * FROM ops.recommendation_drift
)"""

LIMITS = f"""
WITH drift AS {_BOTH}
SELECT CAST(as_of_date AS STRING) AS as_of_date,
       concat(table_name, if(column_name = '', '', concat('.', column_name)), ' ', measure,
              if(baseline = 'none', '', concat(', ', baseline))) AS limit_on,
       table_name, column_name, measure, baseline, value, bounds, verdict
FROM drift
WHERE verdict <> 'free' AND as_of_date IN (
    SELECT DISTINCT as_of_date FROM drift WHERE as_of_date <= :as_of ORDER BY as_of_date DESC LIMIT {DATES}
)
ORDER BY as_of_date, table_name, column_name, measure, baseline
"""  # noqa: S608 (constants of this file)

PROFILES = """
WITH profiles AS (
    SELECT * FROM ops.table_profile UNION ALL SELECT * FROM ops.recommendation_profile
)
SELECT table_name, MAX(table_version) AS table_version, MAX(n_rows) AS n_rows, COUNT(*) AS n_columns,
       CAST(SUM(n_nulls) AS DOUBLE) / NULLIF(SUM(n_rows), 0) AS null_share, MIN(freshness_days) AS freshness_days
FROM profiles
WHERE as_of_date = :as_of
GROUP BY table_name
ORDER BY table_name
"""


def section(ask: Ask) -> Section:
    """Limits by date, and each table's profile."""
    limits, profiles = ask("limits", LIMITS), ask("profiles", PROFILES)
    dates = sorted(set(limits.values("as_of_date")))
    kept = {tone: limits.values("verdict").count(tone) for tone in charts.TONES}
    lead = (
        f"Each run measures its tables and compares them with limits that stand beside their declarations: {count(len(limits.rows))} "
        f"readings over {count(len(dates))} {'date' if len(dates) == 1 else 'dates'}, of which {count(kept['kept'])} kept their limit, "
        f"{count(kept['warn'])} warned and {count(kept['stop'])} stopped the run."
    )
    columns = (
        words("as of", "as_of_date"),
        words("table", "table_name"),
        words("column", "column_name", lambda name: name or "(table)"),
        words("measure", "measure"),
        words("against", "baseline"),
        number("value", "value", show=amount),
        words("limit", "bounds"),
        Column("verdict", ("verdict",), has_tone=True),
    )
    profiled = (
        words("table", "table_name"),
        number("version", "table_version"),
        number("rows", "n_rows"),
        number("columns", "n_columns"),
        number("empty cells", "null_share", show=share),
        number("latest value, days before", "freshness_days"),
    )
    caption = (
        "A mark and the value of each reading: a green square kept its limit, an orange triangle warned, a red cross stopped the run. "
        "Dates run to the right, the latest 24 of them."
    )
    return Section(
        lead,
        (
            Chart("Limits, date by date", caption, (limits,), (verdicts(limits),)),
            Grid("Readings against their limits", limits, columns),
            Grid(f"Profile of the tables as of {ask.as_of}", profiles, profiled),
        ),
    )


def verdicts(limits: Answer) -> alt.LayerChart:
    """A mark per reading: date to the right, limits downwards, verdict by colour and by shape."""
    tones = alt.Scale(domain=list(charts.TONES), range=list(charts.TONES.values()))
    shapes = alt.Scale(domain=list(charts.TONES), range=["square", "triangle-up", "cross"])
    place = alt.Chart().encode(
        x=alt.X("as_of_date:O", axis=alt.Axis(title=None, labelAngle=0, orient="top")),
        y=alt.Y("limit_on:N", sort=None, axis=charts.names(260)),
    )
    mark = place.mark_point(filled=True, opacity=1, size=110, xOffset=-26).encode(
        color=alt.Color("verdict:N", scale=tones, legend=None),
        shape=alt.Shape("verdict:N", scale=shapes, legend=None),
        tooltip=["as_of_date:N", "limit_on:N", "baseline:N", alt.Tooltip("value:Q", format=",.4~f"), "bounds:N", "verdict:N"],
    )
    figure = place.mark_text(align="left", dx=-14).encode(text=alt.Text("value:Q", format=",.3~s"))
    chart = charts.layered(limits, mark, figure).properties(description="Whether each declared limit was kept on each date.")
    return chart.properties(width=alt.Step(92), height=charts.height(limits, "limit_on", 22))
