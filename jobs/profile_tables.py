"""ops.table_profile, _histograms and _drift: what silver holds, against earlier dates, before models are fitted on it."""

from mapping_spark.job import Does, Job, Run
from mapping_spark.tables.ops import TABLE_DRIFT, TABLE_HISTOGRAMS, TABLE_PROFILE
from mapping_spark.tables.silver import EVENTS, INTERACTIONS, ITEMS, USERS
from mapping_spark.tables.watch import Outputs, Watched, watch

READS = (EVENTS, INTERACTIONS, ITEMS, USERS)
WRITES = (TABLE_PROFILE, TABLE_HISTOGRAMS, TABLE_DRIFT)


def profile_silver(run: Run) -> None:
    """Profile, compare, warn or stop."""
    watched = [Watched(table, run.read(table), run.versions[table.name]) for table in READS]
    watch(run.store, watched, Outputs(*WRITES), run.as_of, run.settings.watch)


WORK = Does(profile_silver, "profile silver, compare with earlier profiles, warn or stop where a limit is left")
JOB = Job(name="profile_tables", reads=READS, writes=WRITES, work=WORK, config=("watch",))

if __name__ == "__main__":
    JOB.main()
