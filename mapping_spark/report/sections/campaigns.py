"""Campaigns: KPIs with intervals, from sent to redeemed, revenue by day with the campaigns' windows."""

import calendar
import datetime as dt

import altair as alt

from mapping_spark.report import charts
from mapping_spark.report.ask import Answer, Ask
from mapping_spark.report.blocks import Chart, Grid, Section, count, intervals, number, share_interval, words
from mapping_spark.tables.gold import CAMPAIGN_KPIS
from mapping_spark.tables.measures import measures_sql

KPIS = f"""
WITH kpis AS (
{measures_sql(CAMPAIGN_KPIS, "gold.campaign_kpis", ("campaign_id",))}
)
SELECT concat_ws(' · ', campaigns.campaign_id, campaigns.campaign_type) AS campaign, kpis.*,
       CAST(CAST(start_at AS DATE) AS STRING) AS starts, CAST(CAST(end_at AS DATE) AS STRING) AS ends
FROM kpis JOIN silver.campaigns AS campaigns ON campaigns.campaign_id = kpis.campaign_id
ORDER BY n_users DESC, kpis.campaign_id
"""  # noqa: S608 (declared identifiers)

FUNNEL = """
SELECT step, n FROM (
    SELECT stack(4, 1, 'sent', SUM(n_sends), 2, 'seen', SUM(n_impressions), 3, 'clicked', SUM(n_clicks),
                 4, 'redeemed, users', SUM(n_converted_users)) AS (place, step, n)
    FROM gold.campaign_kpis
) WHERE n > 0
ORDER BY place
"""

DAILY = """
SELECT CAST(date AS STRING) AS day, SUM(revenue) AS revenue, SUM(n_conversions) AS n_conversions, SUM(n_sends) AS n_sends
FROM gold.campaign_daily_kpis
GROUP BY date
ORDER BY date
"""

_MARGIN = 150
"""Pixels left of both charts over time, so that their days stand below each other."""


def section(ask: Ask) -> Section:
    """All campaigns, rolled up over variants and segments."""
    kpis, funnel, daily = ask("campaigns", KPIS), ask("funnel", FUNNEL), ask("daily", DAILY)
    redeemed, n_users = kpis.total("n_converted_users"), kpis.total("n_users")
    rate = f" ({100 * redeemed / n_users:.1f} %)" if n_users else ""
    lead = (
        f"{count(len(kpis.rows))} campaigns reached {count(n_users)} households-in-campaigns, of which {count(redeemed)}{rate} redeemed "
        "at least once. There is no control group here: none of this is an effect."
    )
    columns = (
        words("campaign", "campaign"),
        words("starts", "starts"),
        words("ends", "ends"),
        number("users", "n_users"),
        number("redeemed", "n_conversions"),
        number("redemption rate [95 %]", "redemption_rate", "redemption_rate_low", "redemption_rate_high", show=share_interval),
        number("revenue", "revenue"),
        number("revenue per user [95 %]", "revenue_per_user", "revenue_per_user_low", "revenue_per_user_high", show=intervals(2)),
        number("ROI [95 %]", "roi", "roi_low", "roi_high", show=intervals(2)),
    )
    return Section(
        lead,
        (
            Chart(
                "From sent to redeemed", "All campaigns together; a step that was not recorded is left out.", (funnel,), (steps(funnel),)
            ),
            Chart(
                "Share of the audience that redeemed, and return on money spent",
                "The largest audience on top. Bars are 95 % intervals from the stored sums (Wilson; delta method). A return of 0 pays back "
                "what sends and discounts cost, at the assumed margin.",
                (kpis,),
                (rates(kpis), returns(kpis)),
                is_wide=False,
            ),
            Chart(
                "Revenue of items on offer by day, and when campaigns ran",
                "A sale counts for every campaign that then promotes its item to its buyer: revenue is attributed, not earned.",
                (daily, kpis),
                (revenue(daily, kpis), windows(kpis, daily)),
            ),
            Grid("Campaigns", kpis, columns),
        ),
    )


def steps(funnel: Answer) -> alt.LayerChart:
    """The funnel as bars."""
    chart = charts.bars(funnel, "step", "n", alt.Axis(title=None, labels=False))
    return chart.properties(description="How many were sent, seen, clicked and redeemed.", height=charts.height(funnel, "step", 34))


def rates(kpis: Answer) -> alt.LayerChart:
    """Redemption rates."""
    chart = charts.intervals(kpis, "campaign", "redemption_rate", charts.amounts("redemption rate", "~%"))
    return chart.properties(
        description="Redemption rate of each campaign with its 95 % interval.", height=charts.height(kpis, "campaign", 20)
    )


def returns(kpis: Answer) -> alt.LayerChart:
    """Returns on investment, a line where money is paid back."""
    chart = charts.intervals(kpis, "campaign", "roi", charts.amounts("ROI"), origin=True)
    return chart.properties(
        description="Return on investment of each campaign with its 95 % interval.", height=charts.height(kpis, "campaign", 20)
    )


def revenue(daily: Answer, kpis: Answer) -> alt.Chart:
    """Revenue by day."""
    axis = alt.Axis(title=None, format=",~f", grid=True, tickCount=4, minExtent=_MARGIN, maxExtent=_MARGIN)
    chart = charts.of(daily).mark_bar(color=charts.SERIES[0], size=2)  # a day without a sale has no row, so no line is drawn over it
    drawn: alt.Chart = chart.encode(
        x=_days(daily, kpis),
        y=alt.Y("revenue:Q", axis=axis),
        tooltip=["day:N", alt.Tooltip("revenue:Q", format=",.2f"), "n_conversions:Q"],
    )
    return charts.sized(drawn.properties(description="Revenue of items on offer by day."), 190)


def windows(kpis: Answer, daily: Answer) -> alt.Chart:
    """A bar per campaign from its first to its last day, by start; one that has no end goes on to the last day of all."""
    last = max(_shown(daily, kpis), default="")
    axis = alt.Axis(title=None, labelColor=charts.INK, minExtent=_MARGIN, maxExtent=_MARGIN)
    bounded = charts.of(kpis).transform_calculate(until=f"toDate(datum.ends || '{last}')")
    drawn: alt.Chart = bounded.mark_bar(color=charts.SERIES[1], cornerRadius=2, height={"band": 0.55}).encode(
        x=_days(daily, kpis, "starts"),
        x2="until:T",
        y=alt.Y("campaign:N", sort=alt.EncodingSortField("starts", order="ascending"), axis=axis),
        tooltip=["campaign:N", "starts:N", "ends:N", alt.Tooltip("n_users:Q", format=",")],
    )  # fmt: skip
    return charts.sized(drawn.properties(description="When each campaign ran."), charts.height(kpis, "campaign", 14))


def _shown(daily: Answer, kpis: Answer) -> list[str]:
    """The days that something happens on, in order."""
    return sorted(value for value in (*daily.values("day"), *kpis.values("starts"), *kpis.values("ends")) if value)


def _days(daily: Answer, kpis: Answer, field: str = "day") -> alt.X:
    """Days on one scale in both charts."""
    days = _shown(daily, kpis)
    ends = [1000 * calendar.timegm(dt.date.fromisoformat(value).timetuple()) for value in (days[:1] + days[-1:])]
    scale = alt.Scale(type="utc", domain=[alt.ExprRef(str(end)) for end in ends] or alt.Undefined, nice=False, padding=0)
    return alt.X(f"{field}:T", axis=alt.Axis(title=None, format="%b %y", grid=True, tickCount="month", labelOverlap=True), scale=scale)
