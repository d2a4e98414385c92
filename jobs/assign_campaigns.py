"""silver.campaign_assignments: who takes part in each planned campaign, and with which variant."""

from mapping_spark.campaign.assignment_run import assign_campaigns
from mapping_spark.job import Does, Job
from mapping_spark.tables.experiments import CAMPAIGN_ALLOCATIONS, CAMPAIGN_ASSIGNMENT_COUNTS, CAMPAIGN_ASSIGNMENTS
from mapping_spark.tables.silver import EVENTS, USERS

JOB = Job(
    name="assign_campaigns",
    reads=(EVENTS, USERS),
    writes=(CAMPAIGN_ASSIGNMENTS, CAMPAIGN_ALLOCATIONS, CAMPAIGN_ASSIGNMENT_COUNTS),
    work=Does(
        lambda run: assign_campaigns(run.store, run.read(USERS), run.read(EVENTS), run.settings.assignment, run.as_of),
        "add ranges of buckets, assign users who have no variant yet, count everyone",
    ),
    config=("assignment",),
)

if __name__ == "__main__":
    JOB.main()
