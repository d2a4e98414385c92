"""gold.user_activity and gold.user_cohorts: daily, weekly and monthly users, and who comes back."""

from mapping_spark.campaign.activity import active_days, build_activity, build_cohorts
from mapping_spark.job import Does, Job, Run
from mapping_spark.tables.campaigns import USER_ACTIVITY, USER_COHORTS
from mapping_spark.tables.silver import EVENTS


def activity(run: Run) -> None:
    """Replace both, from the same active days."""
    active = active_days(run.read(EVENTS), run.as_of).persist()
    run.store.replace_slice(USER_ACTIVITY, build_activity(active, run.as_of), {})
    run.store.replace_slice(USER_COHORTS, build_cohorts(active, run.as_of), {})
    active.unpersist()


WRITES = (USER_ACTIVITY, USER_COHORTS)
JOB = Job(name="user_activity", reads=(EVENTS,), writes=WRITES, work=Does(activity, "replace all rows of both tables"))

if __name__ == "__main__":
    JOB.main()
