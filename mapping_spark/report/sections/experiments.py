"""Experiments: effects against a control as a forest plot, what was seen look by look, and the verdicts with their reasons."""

import altair as alt

from mapping_spark.report import charts
from mapping_spark.report.ask import Answer, Ask
from mapping_spark.report.blocks import Chart, Column, Grid, Section, count, decimals, number, share, share_interval, words

SHOWN, MONITORED = 40, 6
"""Comparisons of the forest plot at most, and experiments that are followed look by look, the latest ones."""

RESULTS = r"""
SELECT concat(campaign_id, ', ', variant, '\n', replace(metric, '_', ' ')) AS comparison, campaign_id, variant, metric, role,
       n_users, n_control_users, value, control_value, relative_lift AS lift, relative_low AS lift_low, relative_high AS lift_high,
       adjusted_p_value, probability_best, variance_reduction, sample_ratio_p_value, verdict, reason,
       row_number() OVER (ORDER BY array_position(array('primary', 'guardrail', 'secondary'), role), campaign_id, metric, variant) AS place
FROM gold.experiment_results
WHERE segment = 'all' AND n_control_users > 0
ORDER BY place
"""

LOOKS = rf"""
WITH begun AS (
    SELECT campaign_id, metric, comparison, MIN(as_of_date) AS first_date
    FROM gold.experiment_looks
    WHERE as_of_date BETWEEN date_sub(:as_of, 365) AND :as_of
    GROUP BY campaign_id, metric, comparison
    ORDER BY first_date DESC, campaign_id, metric, comparison
    LIMIT {MONITORED}
)
SELECT concat(campaign_id, '\n', replace(metric, '_', ' '), '\n', comparison) AS experiment, CAST(as_of_date AS STRING) AS day,
       n_users, n_control_users, difference, ci_low, ci_high, always_valid_low, always_valid_high, always_valid_p_value, verdict
FROM gold.experiment_looks AS looks JOIN begun USING (campaign_id, metric, comparison)
WHERE as_of_date BETWEEN first_date AND :as_of
ORDER BY first_date DESC, experiment, day
"""  # noqa: S608 (a constant)

VERDICTS = {
    "better": "var(--good)",
    "guardrail_held": "var(--good)",
    "worse": "var(--bad)",
    "guardrail_broken": "var(--bad)",
    "guardrail_not_shown": "var(--warn)",
    "no_verdict": "var(--warn)",
    "no_difference_shown": "var(--series-5)",
}
"""Colours of verdicts; the same stand in page.css for words."""


def section(ask: Ask) -> Section:
    """Every campaign that held users out."""
    results = ask("experiments", RESULTS)
    if not results.rows:
        return Section("No campaign held anyone out: without a control group there is no experiment to read.", ())
    looks = ask("looks", LOOKS)
    primary = [row["verdict"] for row in results.records if row["role"] == "primary"]
    said = ", ".join(f"{count(primary.count(word))} {word.replace('_', ' ')}" for word in VERDICTS if word in primary)
    lead = (
        f"Campaigns that held users out: {count(len(set(results.values('campaign_id'))))}. Where chance alone decided who was held out, "
        "what differs between variant and control is the campaign's effect; the sample ratio is checked first. "
        f"Of {count(len(primary))} primary comparisons: {said or 'none'}."
    )
    n_shown = min(len(results.rows), SHOWN)
    caption = (
        "Relative lift over the control with its 95 % interval, primary metrics first, then guardrails; the first "
        f"{count(n_shown)} of {count(len(results.rows))} comparisons. An interval that crosses the dashed line shows no difference. "
        "Colours are verdicts, which correct for all comparisons made; a metric that shall fall is better on the left."
    )
    return Section(
        lead,
        (
            Chart("Lift against the control", caption, (results,), (forest(results),)),
            *monitoring(looks),
            Grid("Verdicts, and why", results, columns()),
        ),
    )


def columns() -> tuple[Column, ...]:
    """Of the verdicts."""
    return (
        words("campaign", "campaign_id"),
        words("variant", "variant"),
        words("metric", "metric"),
        words("role", "role"),
        Column("verdict", ("verdict",), lambda verdict: verdict.replace("_", " "), has_tone=True),
        number("users", "n_users"),
        number("held out", "n_control_users"),
        number("value", "value", show=decimals(4)),
        number("control", "control_value", show=decimals(4)),
        number("lift [95 %]", "lift", "lift_low", "lift_high", show=share_interval),
        number("adjusted p", "adjusted_p_value", show=decimals(4)),
        number("best, probability", "probability_best", show=share),
        number("variance removed", "variance_reduction", show=share),
        number("sample ratio p", "sample_ratio_p_value", show=decimals(4)),
        words("why", "reason"),
    )


def forest(results: Answer) -> alt.LayerChart:
    """A dot and whisker per comparison."""
    found = [word for word in VERDICTS if word in results.values("verdict")]
    colours = alt.Scale(domain=found, range=[VERDICTS[word] for word in found])
    tint = alt.Color("verdict:N", scale=colours, legend=alt.Legend(labelExpr="replace(datum.label, regexp('_', 'g'), ' ')"))
    chart = charts.intervals(results, "comparison", "lift", charts.amounts("lift over the control", "~%"), tint, origin=True)
    described = chart.properties(description="Relative lift of each experiment, metric and variant, with its 95 % interval and verdict.")
    return described.transform_filter(alt.FieldLTEPredicate(field="place", lte=SHOWN)).properties(height=40 * min(len(results.rows), SHOWN))


def monitoring(looks: Answer) -> tuple[Chart, ...]:
    """What each run saw, day by day; nothing where no run left a look."""
    experiments = list(dict.fromkeys(looks.values("experiment")))
    if not experiments:
        return ()
    caption = (
        "Each run is a look at the difference of a primary metric. The thin line is the 95 % interval that stays right however often one "
        "looks, the thick one is right for a single look at the end: only when the thin one leaves 0 may a campaign be stopped early. "
        f"The {count(len(experiments))} that began last."
    )
    return (Chart("Look by look", caption, (looks,), [of_experiment(looks, name) for name in experiments], is_wide=False),)


def of_experiment(looks: Answer, name: str) -> alt.LayerChart:
    """Intervals over the days of one experiment."""
    days = alt.X(
        "day:T", axis=alt.Axis(title=None, format="%d %b", labelOverlap=True, tickCount=4), scale=alt.Scale(type="utc", padding=12)
    )
    axis = alt.Axis(title=None, format=",~r", grid=True, tickCount=5)
    place = alt.Chart().encode(x=days)
    hint = ["day:N", *(alt.Tooltip(f"{field}:Q", format=",.4~f") for field in ("difference", "always_valid_low", "always_valid_high"))]
    whisker = alt.Y("always_valid_low:Q", axis=axis)
    tint = alt.value(charts.SERIES[0])
    layers = (
        alt.Chart().mark_rule(color=charts.INK, strokeDash=[3, 3]).encode(y=alt.datum(0)),
        place.mark_rule(strokeWidth=2, opacity=0.55).encode(y=whisker, y2="always_valid_high:Q", color=tint),
        place.mark_rule(strokeWidth=5, opacity=0.3).encode(y=alt.Y("ci_low:Q", axis=axis), y2="ci_high:Q", color=tint),
        place.mark_point(filled=True, opacity=1, size=60).encode(y=alt.Y("difference:Q"), color=tint, tooltip=hint),
    )
    mine = charts.sized(charts.layered(looks, *layers), 190).transform_filter(alt.FieldEqualPredicate(field="experiment", equal=name))
    lines = name.split("\n")
    return mine.properties(title=alt.TitleParams(lines, limit=240), description=f"Difference at each look: {', '.join(lines)}.")
