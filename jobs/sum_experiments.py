"""gold.experiment_sums: every campaign's metrics as sums that add up."""

from pyspark.sql import DataFrame

from mapping_spark.campaign.experiment_sums import build_experiment_sums, revenue_before
from mapping_spark.campaign.inputs import priced
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.tables.experiments import EXPERIMENT_SUMS
from mapping_spark.tables.gold import CAMPAIGN_OUTCOMES
from mapping_spark.tables.silver import CAMPAIGN_AUDIENCE, CURRENCY_RATES, EVENTS


def sums(run: Run) -> DataFrame:
    """Sum the outcomes of users, beside what they spent before."""
    events = priced(run.read(EVENTS), run.read(CURRENCY_RATES), run.settings.campaigns.currency)
    before = revenue_before(events, run.read(CAMPAIGN_AUDIENCE), run.settings.experiments)
    return build_experiment_sums(run.read(CAMPAIGN_OUTCOMES), before, run.settings.experiments)


JOB = Job(
    name="sum_experiments",
    reads=(CAMPAIGN_OUTCOMES, CAMPAIGN_AUDIENCE, EVENTS, CURRENCY_RATES),
    writes=(EXPERIMENT_SUMS,),
    work=Replaces(EXPERIMENT_SUMS, sums),
    config=("experiments", "campaigns"),
)

if __name__ == "__main__":
    JOB.main()
