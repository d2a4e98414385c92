"""gold.campaign_outcomes: what each user of a campaign's audience did while it ran."""

from pyspark.sql import DataFrame

from mapping_spark.campaign.inputs import INPUTS, counted_events_of, members_of
from mapping_spark.campaign.outcomes import build_outcomes
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.tables.gold import CAMPAIGN_OUTCOMES
from mapping_spark.tables.silver import CURRENCY_RATES


def outcomes(run: Run) -> DataFrame:
    """Sum what counts for each campaign by user."""
    counted, rates = counted_events_of(run.read, run.settings.campaigns.currency), str(run.versions[CURRENCY_RATES.name])
    return build_outcomes(counted, members_of(run.read), rates_version=rates)


JOB = Job(
    name="campaign_outcomes",
    reads=INPUTS,
    writes=(CAMPAIGN_OUTCOMES,),
    work=Replaces(CAMPAIGN_OUTCOMES, outcomes),
    config=("campaigns",),
)

if __name__ == "__main__":
    JOB.main()
