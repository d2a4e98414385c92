"""gold.experiment_results: effects with intervals, and verdicts with their reasons."""

from pyspark.sql import DataFrame

from mapping_spark.campaign.results import build_results
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.tables.experiments import CAMPAIGN_ALLOCATIONS, EXPERIMENT_RESULTS, EXPERIMENT_SUMS
from mapping_spark.tables.silver import CAMPAIGNS


def results(run: Run) -> DataFrame:
    """Read every campaign as an experiment."""
    sums, allocations = run.read(EXPERIMENT_SUMS), run.read(CAMPAIGN_ALLOCATIONS)
    return build_results(sums, allocations, run.read(CAMPAIGNS), run.settings.experiments, as_of=run.as_of)


JOB = Job(
    name="judge_experiments",
    reads=(EXPERIMENT_SUMS, CAMPAIGN_ALLOCATIONS, CAMPAIGNS),
    writes=(EXPERIMENT_RESULTS,),
    work=Replaces(EXPERIMENT_RESULTS, results),
    config=("experiments",),
)

if __name__ == "__main__":
    JOB.main()
