"""gold.campaign_findings: what to know before a campaign's numbers are believed."""

from pyspark.sql import DataFrame

from mapping_spark.campaign.findings import build_findings
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.tables.campaigns import CAMPAIGN_FINDINGS
from mapping_spark.tables.gold import CAMPAIGN_OUTCOMES
from mapping_spark.tables.silver import CAMPAIGNS


def findings(run: Run) -> DataFrame:
    """Look through the outcomes of users."""
    return build_findings(run.read(CAMPAIGN_OUTCOMES), run.read(CAMPAIGNS))


WORK = Replaces(CAMPAIGN_FINDINGS, findings)
JOB = Job(name="campaign_findings", reads=(CAMPAIGN_OUTCOMES, CAMPAIGNS), writes=(CAMPAIGN_FINDINGS,), work=WORK)

if __name__ == "__main__":
    JOB.main()
