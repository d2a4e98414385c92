"""How long each job took."""

import altair as alt

from mapping_spark.report import charts
from mapping_spark.report.ask import Ask
from mapping_spark.report.blocks import DASH, Chart, Grid, Section, count, decimals, moment, number, words

RUNS = """
WITH runs AS (
    SELECT job, max_by(struct(*), struct(ended_at, run_id)) AS run
    FROM ops.job_runs
    WHERE as_of_date = :as_of AND status = 'succeeded'
    GROUP BY job
)
SELECT job, run.started_at AS started_at, timestampdiff(MILLISECOND, run.started_at, run.ended_at) / 1000 AS seconds,
       run.rows_in AS rows_in, run.rows_out AS rows_out, run.peak_memory_mb AS peak_memory_mb,
       run.rows_in * 1000 / NULLIF(timestampdiff(MILLISECOND, run.started_at, run.ended_at), 0) AS rows_per_second
FROM runs
ORDER BY started_at, job
"""


def section(ask: Ask) -> Section:
    """The latest run of each job that succeeded for the date."""
    runs = ask("runs", RUNS)
    seconds = sum(runs.values("seconds"))
    longest = max(runs.values("seconds"), default=0)
    slowest = next((row["job"] for row in runs.records if row["seconds"] == longest), DASH)
    lead = (
        f"{count(len(runs.rows))} jobs took {count(seconds)} seconds together; the longest was {slowest} with "
        f"{count(longest)}. The latest successful run of each counts; one that finds nothing new is skipped and leaves no row."
    )
    chart = charts.bars(runs, "job", "seconds", charts.amounts("seconds"))
    chart.layer[1] = chart.layer[1].encode(text=alt.Text("seconds:Q", format=",.1f"))
    columns = (
        words("job", "job"),
        words("started, UTC", "started_at", moment),
        number("seconds", "seconds", show=decimals(1)),
        number("rows in", "rows_in"),
        number("rows out", "rows_out"),
        number("rows in a second", "rows_per_second"),
        number("peak memory, MB", "peak_memory_mb"),
    )
    return Section(
        lead,
        (
            Chart("Seconds by job", "In the order they ran.", (runs,), (chart.properties(description="Seconds that each job took."),)),
            Grid("Latest runs", runs, columns),
        ),
    )
