"""silver.events, silver.quarantine, silver.late_events and ops.event_accounting: each bronze batch exactly once."""

from mapping_spark.events.clean import clean_pending
from mapping_spark.job import Does, Job, Run
from mapping_spark.tables.bronze import RAW_EVENTS
from mapping_spark.tables.ops import EVENT_ACCOUNTING
from mapping_spark.tables.silver import EVENTS, LATE_EVENTS, QUARANTINE


def clean(run: Run) -> int:
    """Clean what has no account yet; returns the records looked at."""
    accounts = clean_pending(run.store, run.settings.sources.events, run.settings.cleaning)
    return sum(account.n_in for account in accounts.values())


JOB = Job(
    name="clean_events",
    reads=(RAW_EVENTS,),
    writes=(EVENTS, QUARANTINE, LATE_EVENTS, EVENT_ACCOUNTING),
    work=Does(clean, "judge the batches of bronze without an account: events, quarantine, late events, then the account"),
    config=("sources", "cleaning"),
)

if __name__ == "__main__":
    JOB.main()
