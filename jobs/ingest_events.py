"""bronze.raw_events: every record of the declared event sources, as delivered, each file once."""

from mapping_spark.ingest.stream import ingest_source
from mapping_spark.job import Does, Job, Run
from mapping_spark.tables.bronze import RAW_EVENTS


def ingest(run: Run) -> int:
    """Drain each source; a file seen before is not read again."""
    return sum(ingest_source(run.store, source, run.settings.ingest) for source in run.settings.sources.events)


JOB = Job(
    name="ingest_events",
    writes=(RAW_EVENTS,),
    work=Does(ingest, "append the records of new files to bronze.raw_events"),
    config=("sources", "ingest"),
    always=True,
)

if __name__ == "__main__":
    JOB.main()
