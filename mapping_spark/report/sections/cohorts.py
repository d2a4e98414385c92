"""Who comes back: retention by cohort and week, daily over monthly users, and how long a first conversion takes."""

import altair as alt

from mapping_spark.report import charts
from mapping_spark.report.ask import Answer, Ask
from mapping_spark.report.blocks import Chart, Grid, Section, count, number, share, share_interval, words
from mapping_spark.tables.campaigns import USER_COHORTS
from mapping_spark.tables.measures import measures_sql

WEEKS = 52
"""Weeks back that are shown."""

_RECENT = f"""(
    SELECT * FROM gold.user_cohorts
    WHERE is_complete AND cohort_date >= date_sub(:as_of, {7 * WEEKS}) AND week BETWEEN 1 AND {WEEKS}
) AS recent"""  # noqa: S608 (a constant)

COHORTS = f"""
WITH cohorts AS (
{measures_sql(USER_COHORTS, _RECENT, ("cohort_date", "week"))}
)
SELECT concat(cohort_date, ' · ', format_number(n_users, 0)) AS cohort, week, n_active_users, retention, retention_low, retention_high
FROM cohorts
ORDER BY cohort_date, week
"""  # noqa: S608 (declared identifiers)

RETENTION = measures_sql(USER_COHORTS, _RECENT, ("week",)) + " ORDER BY week"

ACTIVITY = f"""
SELECT CAST(date AS STRING) AS day, n_daily_users, n_weekly_users, n_monthly_users,
       n_daily_users / NULLIF(n_monthly_users, 0) AS stickiness,
       SUM(n_daily_users) OVER recent / NULLIF(SUM(n_monthly_users) OVER recent, 0) AS weekly_stickiness
FROM gold.user_activity
WHERE is_full_month AND date >= date_sub(:as_of, {7 * WEEKS})
WINDOW recent AS (ORDER BY date ROWS BETWEEN 6 PRECEDING AND CURRENT ROW)
ORDER BY date
"""  # noqa: S608 (a constant)

DELAYS = """
SELECT days, SUM(n_users) AS n_users
FROM gold.conversion_delays
WHERE days BETWEEN -7 AND 90
GROUP BY days
ORDER BY days
"""


def section(ask: Ask) -> Section:
    """Cohorts, activity, delays."""
    cohorts, retention = ask("cohorts", COHORTS), ask("retention", RETENTION)
    activity, delays = ask("activity", ACTIVITY), ask("delays", DELAYS)
    blocks = (*returning(cohorts, retention), *sticky(activity), *delayed(delays))
    if not blocks:
        return Section("No user has been seen for a whole week yet.", ())
    return Section(told(retention, activity), blocks)


def told(retention: Answer, activity: Answer) -> str:
    """The numbers of all cohorts, and of the latest day."""
    weeks = {1: "the week after the first", 4: "the fourth", 12: "the twelfth"}
    back = ", ".join(f"{share(row['retention'])} in {weeks[row['week']]}" for row in retention.records if row["week"] in weeks)
    returned = f"Of the users of all cohorts old enough were active: {back}. " if back else ""
    if not activity.rows:
        return returned
    latest = activity.records[-1]
    return (
        f"{returned}On {latest['day']} {count(latest['n_daily_users'])} users did something, {count(latest['n_monthly_users'])} in the "
        f"30 days that end with it: over its last week {share(latest['weekly_stickiness'])} of a month's users came on a day."
    )


def returning(cohorts: Answer, retention: Answer) -> tuple[Chart | Grid, ...]:
    """The heat map, and all cohorts together."""
    if not cohorts.rows:
        return ()
    columns = (
        words("weeks since the first event", "week"),
        number("users", "n_users"),
        number("active", "n_active_users"),
        number("share [95 %]", "retention", "retention_low", "retention_high", show=share_interval),
    )
    caption = (
        "A row per week of first events (its Monday) with its users, weeks since to the right: the fuller a cell, the more of the cohort "
        "were active in that week. The first week itself, in which all are, is left out, and so are weeks that were not over. "
        "Small cohorts jump by chance."
    )
    return (
        Chart("Retention by week", caption, (cohorts,), (heat(cohorts),)),
        Grid("All cohorts together", retention, columns),
    )


def heat(cohorts: Answer) -> alt.LayerChart:
    """A cell per cohort and week, empty to full."""
    fill = alt.Opacity(
        "retention:Q",
        scale=alt.Scale(domain=[0, 1], range=[0.04, 1]),
        legend=alt.Legend(format="~%", symbolType="square", values=[0, 0.5, 1]),
    )
    shares = (alt.Tooltip(f"{name}:Q", format=".1%") for name in ("retention", "retention_low", "retention_high"))
    hint = ["cohort:N", "week:Q", "n_active_users:Q", *shares]
    cell = (
        alt.Chart()
        .mark_rect(color=charts.SERIES[0])
        .encode(
            x=alt.X("week:O", axis=alt.Axis(title="weeks since", labelAngle=0, labelOverlap=True, labelSeparation=6)),
            y=alt.Y("cohort:O", axis=alt.Axis(title=None, labelColor=charts.INK, labelOverlap=True)),
            opacity=fill,
            tooltip=hint,
        )
    )
    chart = charts.sized(charts.layered(cohorts, cell), charts.height(cohorts, "cohort", 14))
    return chart.properties(description="Share of each weekly cohort that was active in each week since.")


def sticky(activity: Answer) -> tuple[Chart, ...]:
    """Daily over monthly users, day by day."""
    if not activity.rows:
        return ()
    caption = (
        "Users of a day as a share of those of the 30 days that end with it: dots are days, the line is the ratio of sums over seven days. "
        "Days without 30 days before them are left out."
    )
    days = alt.X("day:T", axis=alt.Axis(title=None, format="%b %y", tickCount="month", labelOverlap=True), scale=alt.Scale(type="utc"))
    axis = alt.Axis(title=None, format="~%", grid=True, tickCount=4)
    hint = ["day:N", *(f"n_{name}_users:Q" for name in ("daily", "weekly", "monthly")), alt.Tooltip("stickiness:Q", format=".1%")]
    place = alt.Chart().encode(x=days)
    dots = place.mark_point(filled=True, size=22, opacity=0.5, color=charts.SERIES[0])
    layers = (
        dots.encode(y=alt.Y("stickiness:Q", axis=axis), tooltip=hint),
        place.mark_line(strokeWidth=2, color=charts.SERIES[0]).encode(y=alt.Y("weekly_stickiness:Q", axis=axis)),
    )
    chart = charts.sized(charts.layered(activity, *layers), 200)
    described = chart.properties(description="Daily as a share of monthly users, day by day, and over seven days.")
    return (Chart("Stickiness: daily over monthly users", caption, (activity,), (described,)),)


def delayed(delays: Answer) -> tuple[Chart, ...]:
    """Days from assignment to the first conversion."""
    if not delays.rows:
        return ()
    axis = alt.Axis(title="days from assignment to the first conversion", grid=False, tickMinStep=1)
    drawn: alt.Chart = charts.of(delays).mark_bar(color=charts.SERIES[0]).transform_calculate(end="datum.days + 0.85").encode(
        x=alt.X("days:Q", axis=axis, scale=alt.Scale(nice=False)),
        x2="end:Q",
        y2=alt.datum(0),
        y=alt.Y("n_users:Q", axis=alt.Axis(title=None, format=",~f", grid=True, tickCount=4)),
        tooltip=["days:Q", alt.Tooltip("n_users:Q", format=",")],
    )  # fmt: skip
    described = drawn.properties(description="Users by days from assignment to their first conversion, all campaigns together.")
    caption = "Users in campaigns, all campaigns together, by whole days; at most a week before and 90 days after."
    return (Chart("How long a first conversion takes", caption, (delays,), (charts.sized(described, 180),)),)
