"""gold.attributed_conversions and gold.channel_attribution: which touch and which channel gets the credit for an order."""

from mapping_spark.campaign.channels import attribute
from mapping_spark.campaign.inputs import priced
from mapping_spark.job import Does, Job, Run
from mapping_spark.tables.attribution import ATTRIBUTED_CONVERSIONS, CHANNEL_ATTRIBUTION
from mapping_spark.tables.silver import CURRENCY_RATES, EVENTS


def attribution(run: Run) -> None:
    """Give the credits, then sum them by channel."""
    events = priced(run.read(EVENTS), run.read(CURRENCY_RATES), run.settings.campaigns.currency)
    attribute(run.store, events, run.settings.attribution, run.as_of, run.settings.seed)


JOB = Job(
    name="attribute_conversions",
    reads=(EVENTS, CURRENCY_RATES),
    writes=(ATTRIBUTED_CONVERSIONS, CHANNEL_ATTRIBUTION),
    work=Does(attribution, "replace all rows of gold.attributed_conversions and gold.channel_attribution"),
    config=("attribution", "campaigns", "seed"),
)

if __name__ == "__main__":
    JOB.main()
