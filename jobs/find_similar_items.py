"""gold.similar_items: for every item those most like it, by the configured model."""

from pyspark.sql import DataFrame

from mapping_spark.job import Job, Replaces, Run
from mapping_spark.models.fitting import load_all
from mapping_spark.recommend.publish import build_similar_items
from mapping_spark.recommend.serve import needed
from mapping_spark.recommend.topk import similar_items
from mapping_spark.tables.gold import MODEL_RUNS, SIMILAR_ITEMS
from mapping_spark.tables.silver import ITEM_IDS


def similar(run: Run) -> DataFrame:
    """Search each item's neighbours."""
    config, n_items, name = run.settings.recommend, run.count(ITEM_IDS), run.settings.recommend.similar_model
    fitted = load_all(run.store, run.read(MODEL_RUNS), needed(name, run.settings.models), run.as_of)[name]
    found = similar_items(fitted.retrieving, config.similar_k, grid=config.blocks.grid(n_items, n_items))
    return build_similar_items(found, run.read(ITEM_IDS), as_of=run.as_of, model=name, run_id=fitted.run_id)


READS, WORK = (MODEL_RUNS, ITEM_IDS), Replaces(SIMILAR_ITEMS, similar, slice_by="as_of_date")
JOB = Job(name="find_similar_items", reads=READS, writes=(SIMILAR_ITEMS,), work=WORK, config=("models", "recommend"))

if __name__ == "__main__":
    JOB.main()
