"""gold.uplift_scores, gold.uplift_bins, gold.uplift_calibration, gold.uplift_metrics: whom the campaigns moved that held users out."""

from mapping_spark.campaign.inputs import priced
from mapping_spark.campaign.uplift_tables import score_all
from mapping_spark.job import Does, Job, Run
from mapping_spark.tables.gold import CAMPAIGN_OUTCOMES
from mapping_spark.tables.silver import CAMPAIGNS, CURRENCY_RATES, EVENTS
from mapping_spark.tables.uplift import UPLIFT_BINS, UPLIFT_CALIBRATION, UPLIFT_METRICS, UPLIFT_SCORES


def score(run: Run) -> None:
    """Learn each campaign's effect on each of its users, and judge the ranking."""
    events = priced(run.read(EVENTS), run.read(CURRENCY_RATES), run.settings.campaigns.currency)
    outcomes, campaigns, of = run.read(CAMPAIGN_OUTCOMES), run.read(CAMPAIGNS), run.settings
    made = score_all(outcomes, campaigns, events, as_of=run.as_of, config=of.uplift, seed=of.seed)
    for table, frame in made.items():
        run.store.replace_slice(table, frame, {"as_of_date": run.as_of})


JOB = Job(
    name="score_uplift",
    reads=(CAMPAIGN_OUTCOMES, CAMPAIGNS, EVENTS, CURRENCY_RATES),
    writes=(UPLIFT_SCORES, UPLIFT_BINS, UPLIFT_CALIBRATION, UPLIFT_METRICS),
    work=Does(score, "replace the slice as_of_date"),
    config=("uplift", "seed", "campaigns"),
)

if __name__ == "__main__":
    JOB.main()
