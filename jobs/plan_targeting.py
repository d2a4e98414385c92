"""gold.targeting_plan, gold.targeting_summary, gold.plan_values: whom to send what next, under a budget."""

from mapping_spark.campaign.targeting_table import build_plan
from mapping_spark.job import Does, Job, Run
from mapping_spark.tables.gold import CAMPAIGN_OUTCOMES
from mapping_spark.tables.silver import CAMPAIGNS
from mapping_spark.tables.uplift import PLAN_VALUES, TARGETING_PLAN, TARGETING_SUMMARY, UPLIFT_SCORES

READS = (UPLIFT_SCORES, CAMPAIGNS, CAMPAIGN_OUTCOMES)


def plan(run: Run) -> None:
    """Choose within budget and caps, and tell from the past what the choice would have brought."""
    for table, frame in build_plan(*map(run.read, READS), as_of=run.as_of, config=run.settings.targeting).items():
        run.store.replace_slice(table, frame, {"as_of_date": run.as_of})


JOB = Job(
    name="plan_targeting",
    reads=READS,
    writes=(TARGETING_PLAN, TARGETING_SUMMARY, PLAN_VALUES),
    work=Does(plan, "replace the slice as_of_date"),
    config=("targeting",),
)

if __name__ == "__main__":
    JOB.main()
