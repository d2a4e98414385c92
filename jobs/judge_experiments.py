"""gold.experiment_results and gold.experiment_looks: effects with intervals, verdicts with their reasons, and what each run saw."""

from mapping_spark.campaign.results import build_looks, build_results
from mapping_spark.job import Does, Job, Run
from mapping_spark.tables.experiments import CAMPAIGN_ALLOCATIONS, EXPERIMENT_LOOKS, EXPERIMENT_RESULTS, EXPERIMENT_SUMS
from mapping_spark.tables.silver import CAMPAIGNS


def judge(run: Run) -> None:
    """Read every campaign as an experiment, and keep what was seen on the date."""
    sums, allocations = run.read(EXPERIMENT_SUMS), run.read(CAMPAIGN_ALLOCATIONS)
    results = build_results(sums, allocations, run.read(CAMPAIGNS), run.settings.experiments, as_of=run.as_of)
    run.store.replace_slice(EXPERIMENT_RESULTS, results, {})
    run.store.replace_slice(EXPERIMENT_LOOKS, build_looks(results), {"as_of_date": run.as_of})


JOB = Job(
    name="judge_experiments",
    reads=(EXPERIMENT_SUMS, CAMPAIGN_ALLOCATIONS, CAMPAIGNS),
    writes=(EXPERIMENT_RESULTS, EXPERIMENT_LOOKS),
    work=Does(judge, "replace all rows of gold.experiment_results and the slice as_of_date of gold.experiment_looks"),
    config=("experiments",),
)

if __name__ == "__main__":
    JOB.main()
