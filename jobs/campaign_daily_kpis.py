"""gold.campaign_daily_kpis: additive sums per campaign, variant and business day; and what changed of days published before."""

from mapping_spark.campaign.hourly import roll_up_days
from mapping_spark.campaign.revisions import build_revisions
from mapping_spark.job import Does, Job, Run
from mapping_spark.tables.campaigns import CAMPAIGN_DAILY_REVISIONS, CAMPAIGN_HOURLY_KPIS
from mapping_spark.tables.gold import CAMPAIGN_DAILY_KPIS


def daily_kpis(run: Run) -> None:
    """Sum the hours, keep what days were before, then replace them."""
    version, before = run.store.version(CAMPAIGN_DAILY_KPIS), run.store.read(CAMPAIGN_DAILY_KPIS)
    daily = roll_up_days(run.read(CAMPAIGN_HOURLY_KPIS), run.settings.campaigns)
    revisions = build_revisions(before, daily, revised_at=run.started_at)
    run.store.append_once(CAMPAIGN_DAILY_REVISIONS, revisions, writer=run.job.name, sequence=version or 0)
    run.store.replace_slice(CAMPAIGN_DAILY_KPIS, daily, {})


WORK = Does(daily_kpis, "replace all rows of gold.campaign_daily_kpis, append what changed to gold.campaign_daily_revisions")
READS, WRITES = (CAMPAIGN_HOURLY_KPIS,), (CAMPAIGN_DAILY_KPIS, CAMPAIGN_DAILY_REVISIONS)
JOB = Job(name="campaign_daily_kpis", reads=READS, writes=WRITES, work=WORK, config=("campaigns",))

if __name__ == "__main__":
    JOB.main()
