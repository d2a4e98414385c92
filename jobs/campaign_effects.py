"""gold.campaign_effects: what campaigns did where no one was held out, beside placebo weeks."""

from pyspark.sql import DataFrame

from mapping_spark.campaign.effect_table import Sources, build_effects
from mapping_spark.campaign.inputs import priced
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.tables.effects import CAMPAIGN_EFFECTS
from mapping_spark.tables.silver import CAMPAIGN_AUDIENCE, CAMPAIGN_ITEMS, CAMPAIGNS, CURRENCY_RATES, EVENTS

READS = (CAMPAIGNS, CAMPAIGN_AUDIENCE, CAMPAIGN_ITEMS)


def effects(run: Run) -> DataFrame:
    """Compare mailed users with others like them."""
    events = priced(run.read(EVENTS), run.read(CURRENCY_RATES), run.settings.campaigns.currency)
    return build_effects(Sources(events, *map(run.read, READS)), run.settings.effects, run.settings.cleaning.business_zone)


JOB = Job(
    name="campaign_effects",
    reads=(EVENTS, CURRENCY_RATES, *READS),
    writes=(CAMPAIGN_EFFECTS,),
    work=Replaces(CAMPAIGN_EFFECTS, effects),
    config=("effects", "cleaning", "campaigns"),
)

if __name__ == "__main__":
    JOB.main()
