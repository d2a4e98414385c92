"""gold.promotions: which model becomes the champion, with every rule's number and limit."""

from pyspark.sql import DataFrame

from mapping_spark.evaluation.promote import TABLES, Evidence, judge
from mapping_spark.job import Inserts, Job, Run
from mapping_spark.tables.gold import PROMOTIONS


def decisions(run: Run) -> DataFrame:
    """Judge the date's runs against the champion of all decisions so far."""
    evidence = Evidence(*(*map(run.read, TABLES), run.store.read(PROMOTIONS)))
    return judge(evidence, run.settings.models, run.as_of, run.settings.gate)


JOB = Job(name="promote_models", reads=TABLES, writes=(PROMOTIONS,), work=Inserts(PROMOTIONS, decisions), config=("models", "gate"))

if __name__ == "__main__":
    JOB.main()
