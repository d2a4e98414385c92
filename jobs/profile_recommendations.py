"""ops.recommendation_profile, _histograms and _drift: what was recommended, against earlier dates."""

from mapping_spark.job import Does, Job, Run
from mapping_spark.tables.gold import RECOMMENDATIONS
from mapping_spark.tables.ops import RECOMMENDATION_DRIFT, RECOMMENDATION_HISTOGRAMS, RECOMMENDATION_PROFILE
from mapping_spark.tables.watch import Outputs, Watched, watch

WRITES = (RECOMMENDATION_PROFILE, RECOMMENDATION_HISTOGRAMS, RECOMMENDATION_DRIFT)


def profile_recommendations(run: Run) -> None:
    """Profile, compare, warn or stop."""
    watched = Watched(RECOMMENDATIONS, run.read(RECOMMENDATIONS), run.versions[RECOMMENDATIONS.name])
    watch(run.store, [watched], Outputs(*WRITES), run.as_of, run.settings.watch)


WORK = Does(profile_recommendations, "profile the date's recommendations, compare with earlier ones, warn or stop where a limit is left")
JOB = Job(name="profile_recommendations", reads=(RECOMMENDATIONS,), writes=WRITES, work=WORK, config=("watch",))

if __name__ == "__main__":
    JOB.main()
