"""Models side by side, and what the gate said of them."""

import altair as alt

from mapping_spark.report import charts
from mapping_spark.report.ask import Answer, Ask
from mapping_spark.report.blocks import Chart, Column, Grid, Section, count, decimals, intervals, number, words

CUT_OFF = 10

METRICS = """
WITH judged AS (
    SELECT * FROM gold.model_metrics WHERE as_of_date = :as_of AND segment = 'all' AND k = {k} AND protocol = '{protocol}'
)
SELECT judged.model,
       MAX(CASE WHEN metric = 'ndcg' THEN value END) AS ndcg,
       MAX(CASE WHEN metric = 'ndcg' THEN ci_low END) AS ndcg_low,
       MAX(CASE WHEN metric = 'ndcg' THEN ci_high END) AS ndcg_high,
       MAX(CASE WHEN metric = 'hit_rate' THEN value END) AS hit_rate,
       MAX(CASE WHEN metric = 'hit_rate' THEN ci_low END) AS hit_rate_low,
       MAX(CASE WHEN metric = 'hit_rate' THEN ci_high END) AS hit_rate_high,
       MAX(CASE WHEN metric = 'recall' THEN value END) AS recall,
       MAX(CASE WHEN metric = 'coverage' THEN value END) AS coverage,
       MAX(CASE WHEN metric = 'novelty' THEN value END) AS novelty,
       MAX(CASE WHEN metric = 'ndcg' THEN judged.n_users END) AS n_users,
       MAX(runs.train_seconds) AS train_seconds
FROM judged LEFT JOIN gold.model_runs AS runs ON runs.run_id = judged.run_id
GROUP BY judged.model
HAVING ndcg IS NOT NULL
ORDER BY ndcg DESC, model
"""

DECISIONS = """
SELECT model, verdict, metric, delta, ci_low AS delta_low, ci_high AS delta_high, reason, decided_at
FROM gold.promotions
WHERE as_of_date = :as_of
ORDER BY delta DESC NULLS LAST, model, decided_at
"""


def section(ask: Ask) -> Section:
    """Both protocols with intervals, then the gate."""
    new = ask("new-items", METRICS.format(k=CUT_OFF, protocol="new_items").strip())
    everything = ask("all-items", METRICS.format(k=CUT_OFF, protocol="all_items").strip())
    decisions = ask("decisions", DECISIONS)
    n_users = max(everything.values("n_users"), default=0)
    promoted = [row["model"] for row in decisions.records if row["verdict"] == "promoted"]
    verdict = f"The gate lets {' and '.join(promoted)} out." if promoted else "The gate promoted none of them on this date."
    lead = (
        f"Every model was fitted on the days before {ask.as_of} and judged by what {count(n_users)} households bought afterwards. "
        f"Bars are 95 % bootstrap intervals over households: where they overlap widely, a difference proves little. {verdict}"
    )
    return Section(
        lead,
        (
            Chart(
                f"Finding what is new: NDCG@{CUT_OFF}",
                "Only items new to the household count, and what it already buys is left out of the lists. Further right is better.",
                (new,),
                (side_by_side(new, "new items"),),
            ),
            Chart(
                f"Everything bought afterwards: NDCG@{CUT_OFF}",
                "Habits count too: groceries are bought again, so a model of a household's own habits is hard to beat.",
                (everything,),
                (side_by_side(everything, "all items"),),
            ),
            Grid("New items", new, measured()),
            Grid("All items", everything, measured()),
            *gate(decisions),
        ),
    )


def measured() -> tuple[Column, ...]:
    """The columns of a protocol."""
    return (
        words("model", "model"),
        number(f"NDCG@{CUT_OFF} [95 %]", "ndcg", "ndcg_low", "ndcg_high", show=intervals(4)),
        number(f"hit rate@{CUT_OFF} [95 %]", "hit_rate", "hit_rate_low", "hit_rate_high", show=intervals(3)),
        number("recall", "recall", show=decimals(3)),
        number("coverage", "coverage", show=decimals(3)),
        number("novelty, bits", "novelty", show=decimals(2)),
        number("fit, s", "train_seconds", show=decimals(1)),
    )


def side_by_side(answer: Answer, protocol: str) -> alt.LayerChart:
    """Models, the best on top."""
    chart = charts.intervals(answer, "model", "ndcg", charts.amounts(f"NDCG@{CUT_OFF}"))
    return chart.properties(description=f"NDCG at {CUT_OFF} of each model on {protocol}, with 95 % intervals.")


def gate(decisions: Answer) -> tuple[Chart | Grid, ...]:
    """What was decided, and why; nothing where no decision was taken."""
    if not decisions.rows:
        return ()
    tint = alt.Color(
        "verdict:N",
        scale=alt.Scale(domain=["promoted", "kept", "rejected"], range=["var(--good)", "var(--series-1)", "var(--warn)"]),
        legend=alt.Legend(),
    )
    axis = charts.amounts("difference on the same households")
    chart = charts.intervals(decisions, "model", "delta", axis, tint, origin=True)
    columns = (
        words("model", "model"),
        Column("verdict", ("verdict",), has_tone=True),
        number("difference [95 %]", "delta", "delta_low", "delta_high", show=intervals(4)),
        words("why", "reason"),
    )
    return (
        Chart(
            f"The gate: {decisions.records[0]['metric']}",
            "Candidate less champion, or less the best baseline where there is no champion yet. Right of the dashed line is better; "
            "an interval that crosses it proves nothing.",
            (decisions,),
            (chart.properties(description="Difference of each candidate with its 95 % interval, and the verdict."),),
        ),
        Grid("Decisions, and why", decisions, columns),
    )
