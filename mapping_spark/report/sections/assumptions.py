"""What the numbers rest on."""

from mapping_spark.report.ask import Ask
from mapping_spark.report.blocks import Grid, Section, words

ASSUMED = """
SELECT 'Gross margin, as a share of revenue' AS what, format_number(SUM(gross_margin) / NULLIF(SUM(revenue), 0), 4) AS value,
       'An assumption of the settings, the same for every item; it decides the ROI.' AS note
FROM gold.campaign_kpis
UNION ALL
SELECT 'Cost of one send', format_number(SUM(cost) / NULLIF(SUM(n_sends), 0), 4),
       'An assumption where the source names none.' FROM gold.campaign_kpis
UNION ALL
SELECT 'Control groups', concat(COUNT_IF(variant = 'control'), ' of ', COUNT(*), ' groups'),
       'Without one, what an audience did is no effect of its campaign.' FROM gold.campaign_kpis
UNION ALL
SELECT 'Bootstrap replicates behind an interval of a model', CAST(MAX(size(means)) - 1 AS STRING),
       'Households are drawn with replacement; 95 % percentile intervals.' FROM gold.metric_replicates WHERE as_of_date = :as_of
UNION ALL
SELECT 'Seed of every random draw', concat_ws(', ', array_sort(collect_set(seed))), 'Equal seeds, inputs and code give equal tables.'
FROM gold.model_runs WHERE as_of_date = :as_of
UNION ALL
SELECT 'Code', max_by(code_version, ended_at), 'Version and hash of the source that wrote last.' FROM ops.job_runs WHERE as_of_date = :as_of
"""

FIXED = (
    "Only events of business days before the date are known to a model; what came from the date on judges it. "
    "A sale of an item on offer counts for every campaign that promotes it to its buyer, so revenue is attributed, not earned; refunds are "
    "not subtracted. The gate is not the judge of a model's use: lists were ranked offline, nobody was shown them."
)


def section(ask: Ask) -> Section:
    """Assumed numbers, as they come out of the tables."""
    assumed = ask("assumed", ASSUMED)
    columns = (words("what", "what"), words("value", "value"), words("what it means", "note"))
    return Section(FIXED, (Grid("Assumed, and read back from the tables", assumed, columns),))
