"""gold.campaign_funnel and gold.conversion_delays: how far users came, and how long it took."""

from mapping_spark.campaign.funnel import build_conversion_delays, build_funnel
from mapping_spark.job import Does, Job, Run
from mapping_spark.tables.campaigns import CAMPAIGN_FUNNEL, CONVERSION_DELAYS
from mapping_spark.tables.gold import CAMPAIGN_OUTCOMES
from mapping_spark.tables.silver import CAMPAIGN_AUDIENCE


def funnel(run: Run) -> None:
    """Replace both."""
    outcomes = run.read(CAMPAIGN_OUTCOMES)
    run.store.replace_slice(CAMPAIGN_FUNNEL, build_funnel(outcomes), {})
    run.store.replace_slice(CONVERSION_DELAYS, build_conversion_delays(outcomes, run.read(CAMPAIGN_AUDIENCE)), {})


READS, WRITES = (CAMPAIGN_OUTCOMES, CAMPAIGN_AUDIENCE), (CAMPAIGN_FUNNEL, CONVERSION_DELAYS)
JOB = Job(name="campaign_funnel", reads=READS, writes=WRITES, work=Does(funnel, "replace all rows of both tables"))

if __name__ == "__main__":
    JOB.main()
