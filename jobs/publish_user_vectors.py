"""gold.user_vectors: what the deep models made of each user, for look-alikes, clusters and other people's models."""

from functools import reduce

from pyspark.sql import DataFrame

from mapping_spark.job import Job, Replaces, Run
from mapping_spark.models.deep_runs import deep_vector_models
from mapping_spark.models.fitting import load_all
from mapping_spark.recommend.publish import build_user_vectors
from mapping_spark.tables.frames import empty
from mapping_spark.tables.gold import MODEL_RUNS, USER_VECTORS
from mapping_spark.tables.silver import USER_IDS


def profiles(run: Run) -> DataFrame:
    """Every user's vector of every configured deep model that has such vectors."""
    of, ids = run.settings, run.read(USER_IDS)
    fitted = load_all(run.store, run.read(MODEL_RUNS), deep_vector_models(of.models, of.seed), run.as_of)
    parts = [
        build_user_vectors(each.retrieving.users, ids, as_of=run.as_of, model=name, run_id=each.run_id) for name, each in fitted.items()
    ]
    return reduce(DataFrame.unionByName, parts, empty(run.spark, USER_VECTORS))


WORK = Replaces(USER_VECTORS, profiles, slice_by="as_of_date")
JOB = Job(name="publish_user_vectors", reads=(MODEL_RUNS, USER_IDS), writes=(USER_VECTORS,), work=WORK, config=("models", "seed"))

if __name__ == "__main__":
    JOB.main()
