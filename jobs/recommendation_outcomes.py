"""gold.recommendation_outcomes: what each recommendation was shown, clicked and bought for."""

from pyspark.sql import DataFrame

from mapping_spark.campaign.inputs import priced
from mapping_spark.campaign.recommendation_outcomes import build_recommendation_outcomes
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.tables.attribution import RECOMMENDATION_OUTCOMES
from mapping_spark.tables.gold import RECOMMENDATIONS
from mapping_spark.tables.silver import CURRENCY_RATES, EVENTS, USERS


def outcomes(run: Run) -> DataFrame:
    """Follow every recommendation that an event names."""
    config, of = run.settings.attribution, run.settings.campaigns
    events = priced(run.read(EVENTS), run.read(CURRENCY_RATES), of.currency)
    return build_recommendation_outcomes(events, run.read(RECOMMENDATIONS), run.read(USERS), config, margin=of.margin, as_of=run.as_of)


JOB = Job(
    name="recommendation_outcomes",
    reads=(EVENTS, CURRENCY_RATES, RECOMMENDATIONS, USERS),
    writes=(RECOMMENDATION_OUTCOMES,),
    work=Replaces(RECOMMENDATION_OUTCOMES, outcomes),
    config=("attribution", "campaigns"),
)

if __name__ == "__main__":
    JOB.main()
