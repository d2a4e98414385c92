"""Whom campaigns move: Qini curves, calibration by decile, and the targeting plan with what it would have brought."""

import altair as alt

from mapping_spark.report import charts
from mapping_spark.report.ask import Answer, Ask
from mapping_spark.report.blocks import Chart, Column, Grid, Section, count, decimals, intervals, number, share, share_interval, words
from mapping_spark.tables.measures import measures_sql
from mapping_spark.tables.uplift import PLAN_VALUES, UPLIFT_BINS

SHOWN = 6
"""Campaigns drawn, those with the most users."""

_CHOSEN = f"""WITH chosen AS (
    SELECT campaign_id FROM gold.uplift_bins WHERE as_of_date = :as_of
    GROUP BY campaign_id ORDER BY SUM(n_treated + n_control) DESC, campaign_id LIMIT {SHOWN}
), bins AS (
    SELECT * FROM gold.uplift_bins WHERE as_of_date = :as_of AND campaign_id IN (SELECT campaign_id FROM chosen)
)"""  # noqa: S608 (a constant)

QINI = f"""
{_CHOSEN}, so_far AS (
    SELECT campaign_id, learner, bin, SUM(n_treated) OVER upto AS n_t, SUM(n_control) OVER upto AS n_c,
           SUM(treated_outcome) OVER upto AS y_t, SUM(control_outcome) OVER upto AS y_c,
           SUM(n_treated) OVER everyone AS all_t, SUM(n_treated + n_control) OVER everyone AS all_users
    FROM bins
    WINDOW upto AS (PARTITION BY campaign_id, learner ORDER BY bin), everyone AS (PARTITION BY campaign_id, learner)
), points AS (
    SELECT campaign_id, learner, (n_t + n_c) / all_users AS share,
           (y_t - coalesce(y_c * n_t / NULLIF(n_c, 0), 0)) / NULLIF(all_t, 0) AS gain
    FROM so_far
    UNION ALL
    SELECT DISTINCT campaign_id, learner, 0D, 0D FROM so_far
)
SELECT campaign_id, learner, share, gain, share * max_by(gain, share) OVER (PARTITION BY campaign_id, learner) AS by_chance
FROM points
ORDER BY campaign_id, learner, share
"""  # noqa: S608 (constants of this file)

DECILES = f"""
{_CHOSEN}, ranked AS (
    SELECT campaign_id, learner, 1 + CAST(floor(10 * (row_number() OVER place - 1) / COUNT(*) OVER everyone) AS INT) AS bin, n_treated,
           n_control, treated_outcome, control_outcome, treated_outcome_sq, control_outcome_sq, uplift
    FROM bins
    WINDOW place AS (PARTITION BY campaign_id, learner ORDER BY bin), everyone AS (PARTITION BY campaign_id, learner)
), deciles AS (
    {measures_sql(UPLIFT_BINS, "ranked", ("campaign_id", "learner", "bin"))}
), halves AS (
    SELECT *, treated_mean - control_mean AS observed,
           sqrt(power(treated_mean_high - treated_mean, 2) + power(control_mean_high - control_mean, 2)) AS half FROM deciles
)
SELECT concat_ws(' · ', campaign_id, learner) AS scored, campaign_id, learner, bin AS decile, n_treated, n_control,
       predicted_uplift AS predicted, observed, observed - half AS observed_low, observed + half AS observed_high
FROM halves
ORDER BY campaign_id, learner, decile
"""  # noqa: S608 (declared identifiers)

RANKINGS = """
SELECT campaign_id, learner, MAX(n_users) AS n_users,
       MAX(CASE WHEN metric = 'qini' THEN value END) AS qini, MAX(CASE WHEN metric = 'qini' THEN ci_low END) AS qini_low,
       MAX(CASE WHEN metric = 'qini' THEN ci_high END) AS qini_high, MAX(CASE WHEN metric = 'auuc' THEN value END) AS auuc,
       MAX(CASE WHEN metric = 'auuc' THEN ci_low END) AS auuc_low, MAX(CASE WHEN metric = 'auuc' THEN ci_high END) AS auuc_high
FROM gold.uplift_metrics
WHERE as_of_date = :as_of
GROUP BY campaign_id, learner
ORDER BY campaign_id, qini DESC, learner
"""

PLAN = """
SELECT plan.segment, plan.channel, COUNT(*) AS n_users, SUM(plan.uplift) AS uplift, SUM(plan.cost) AS cost, SUM(plan.gain) AS gain,
       MAX(summary.n_users) AS all_users, MAX(summary.gain) AS all_gain, MAX(summary.cost) AS all_cost, MAX(summary.gap) AS gap
FROM gold.targeting_plan AS plan JOIN gold.targeting_summary AS summary ON summary.as_of_date = plan.as_of_date
WHERE plan.as_of_date = :as_of
GROUP BY plan.segment, plan.channel
ORDER BY gain DESC, plan.segment, plan.channel
"""

_OF_DATE = "(SELECT * FROM gold.plan_values WHERE as_of_date = :as_of) AS of_date"
VALUES = measures_sql(PLAN_VALUES, _OF_DATE, ("campaign_id",)) + " ORDER BY campaign_id"


def section(ask: Ask) -> Section:
    """What was learnt of the campaigns that held users out, and what the plan makes of it."""
    qini = ask("qini", QINI)
    if not qini.rows:
        return Section("No campaign that has ended held enough users out: there is no uplift to learn, and so no one to target by it.", ())
    deciles, rankings, plan, values = ask("deciles", DECILES), ask("rankings", RANKINGS), ask("plan", PLAN), ask("plan-values", VALUES)
    n_sure = sum((row["qini_low"] or 0) > 0 for row in rankings.records)
    lead = (
        f"Campaigns whose effect was learnt user by user: {count(len(set(rankings.values('campaign_id'))))}; each was scored by models "
        f"that had not seen that user. Rankings whose Qini has an interval above 0, that of chance: {count(n_sure)} of "
        f"{count(len(rankings.rows))}. {planned(plan)}"
    )
    return Section(lead, (*learnt(qini, deciles), Grid("Rankings, with bootstrap intervals", rankings, ranked()), *targeted(plan, values)))


def planned(plan: Answer) -> str:
    """The plan as a whole."""
    if not plan.rows:
        return "The plan sends nothing to anyone."
    row = plan.records[0]
    gap = "" if row["gap"] is None else f", at most {share(row['gap'])} below the best plan there can be"
    bought = f"at a cost of {count(row['all_cost'])} for a gain of {count(row['all_gain'])}{gap}"
    return f"The plan sends to {count(row['all_users'])} users {bought}."


def learnt(qini: Answer, deciles: Answer) -> tuple[Chart, ...]:
    """Curves per campaign, calibration per ranking."""
    curves = [curve(qini, name) for name in dict.fromkeys(qini.values("campaign_id"))]
    calibrations = [calibration(deciles, name) for name in dict.fromkeys(deciles.values("scored"))]
    best = f"The {count(len(curves))} campaigns with the most users." if len(curves) > 1 else "Users of the campaign."
    return (
        Chart(
            "Qini: what targeting the best first gains",
            f"{best} To the right the share of them that is sent to, best scores first; upwards what that brings, in conversions per user "
            "sent to. The dashed diagonal is a ranking by chance: the area above it is the Qini.",
            (qini,),
            curves,
            is_wide=False,
        ),
        Chart(
            "Is the predicted uplift the one seen?",
            "Tenths of the users, the highest scores at the left. Diamonds were predicted, dots with 95 % intervals were seen: treated "
            "less held out.",
            (deciles,),
            calibrations,
            is_wide=False,
        ),
    )


def curve(qini: Answer, campaign: str) -> alt.LayerChart:
    """A line per learner, and the diagonal."""
    x = alt.X("share:Q", axis=alt.Axis(title=None, format="~%", tickCount=5), scale=alt.Scale(domain=[0, 1]))
    y = alt.Axis(title=None, format=",~r", grid=True, tickCount=5)
    learners = list(dict.fromkeys(qini.values("learner")))
    tint = alt.Color(
        "learner:N", scale=alt.Scale(domain=learners, range=list(charts.SERIES)), legend=alt.Legend() if len(learners) > 1 else None
    )
    hint = ["learner:N", alt.Tooltip("share:Q", format=".0%"), alt.Tooltip("gain:Q", format=",.4~f")]
    layers = (
        alt.Chart()
        .mark_line(color=charts.INK, strokeDash=[3, 3], strokeWidth=1)
        .encode(x=x, y=alt.Y("by_chance:Q", axis=y), detail="learner:N"),
        alt.Chart().mark_line(strokeWidth=2).encode(x=x, y=alt.Y("gain:Q", axis=y), color=tint, order="share:Q"),
        alt.Chart().mark_point(filled=True, opacity=0, size=60).encode(x=x, y=alt.Y("gain:Q", axis=y), color=tint, tooltip=hint),
    )
    chart = charts.sized(charts.layered(qini, *layers), 220)
    return chart.transform_filter(alt.FieldEqualPredicate(field="campaign_id", equal=campaign)).properties(
        title=alt.TitleParams(campaign, limit=240), description=f"Qini curve of campaign {campaign}, beside the diagonal of chance."
    )


def calibration(deciles: Answer, scored: str) -> alt.LayerChart:
    """Seen and predicted effect by decile."""
    x = alt.X("decile:O", axis=alt.Axis(title=None, labelAngle=0))
    y = alt.Axis(title=None, format=",~r", grid=True, tickCount=5)
    hint = ["decile:O", *(alt.Tooltip(f"{name}:Q", format=",.4~f") for name in ("observed", "observed_low", "observed_high", "predicted"))]
    seen, said = alt.value(charts.SERIES[0]), alt.value(charts.SERIES[1])
    layers = (
        alt.Chart().mark_rule(color=charts.INK, strokeDash=[3, 3]).encode(y=alt.datum(0)),
        alt.Chart().mark_rule(strokeWidth=2, opacity=0.55).encode(x=x, y=alt.Y("observed_low:Q", axis=y), y2="observed_high:Q", color=seen),
        alt.Chart().mark_point(filled=True, opacity=1, size=70).encode(x=x, y=alt.Y("observed:Q", axis=y), color=seen, tooltip=hint),
        alt.Chart()
        .mark_point(filled=True, opacity=1, size=70, shape="diamond")
        .encode(x=x, y=alt.Y("predicted:Q", axis=y), color=said, tooltip=hint),
    )
    chart = charts.sized(charts.layered(deciles, *layers), 200)
    return chart.transform_filter(alt.FieldEqualPredicate(field="scored", equal=scored)).properties(
        title=alt.TitleParams(scored, limit=240), description=f"Predicted and seen uplift by decile: {scored}."
    )


def ranked() -> tuple[Column, ...]:
    """The columns of the rankings."""
    return (
        words("campaign", "campaign_id"),
        words("learner", "learner"),
        number("users", "n_users"),
        number("Qini [95 %]", "qini", "qini_low", "qini_high", show=intervals(4)),
        number("area under the uplift curve [95 %]", "auuc", "auuc_low", "auuc_high", show=intervals(4)),
    )


def targeted(plan: Answer, values: Answer) -> tuple[Grid, ...]:
    """Whom the plan reaches, and what it would have brought."""
    reached = (
        words("segment", "segment"),
        words("channel", "channel"),
        number("users", "n_users"),
        number("expected conversions", "uplift", show=decimals(1)),
        number("cost", "cost", show=decimals(2)),
        number("net gain", "gain", show=decimals(2)),
    )
    told = (
        words("campaign", "campaign_id"),
        number("users", "n_users"),
        number("of them in the plan", "n_targeted"),
        *(
            number(f"{title} [95 %]", name, f"{name}_low", f"{name}_high", show=share_interval)
            for name, title in (("ips", "IPS"), ("snips", "SNIPS"), ("doubly_robust", "doubly robust"))
        ),
    )
    return (
        Grid("The targeting plan, by segment and channel", plan, reached),
        Grid("Conversions per user had the plan been followed, told from what was sent", values, told),
    )
