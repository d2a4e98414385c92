"""Start Spark once, touch what the jobs use, and let Java keep the classes it loaded: `python tools/class_archive.py FILE`.

Every later start maps FILE instead of unpacking and verifying some 20,000 classes, and takes about half as long. Java ignores an archive
that does not fit (another version, other jars), so a stale one costs nothing but the gain.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from pyspark.ml.feature import IDF, HashingTF, RegexTokenizer
from pyspark.ml.recommendation import ALS
from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F

from mapping_spark.session import build_session


def touch(spark: SparkSession, folder: str) -> None:
    """A little of everything: Delta, a stream, JSON, windows, Arrow, MLlib."""
    frame = spark.range(40).select("id", (F.col("id") % 3).alias("group"), F.concat_ws(" ", F.lit("red apple"), "id").alias("text"))
    table = f"{folder}/table"
    frame.write.format("delta").partitionBy("group").option("overwriteSchema", "true").save(table)
    frame.where("group = 1").write.format("delta").mode("overwrite").option("replaceWhere", "group = 1").save(table)
    frame.createOrReplaceTempView("new")
    spark.sql(f"MERGE INTO delta.`{table}` t USING new n ON t.id = n.id WHEN NOT MATCHED THEN INSERT *")
    frame.select(F.to_json(F.struct("*")).alias("value")).write.text(f"{folder}/lines")
    row = F.from_json("value", "id bigint, at timestamp").alias("row")
    stream = spark.readStream.text(f"{folder}/lines").select(row, F.col("_metadata.file_path"))
    options = {"checkpointLocation": f"{folder}/checkpoint"}
    stream.writeStream.format("delta").options(**options).trigger(availableNow=True).start(f"{folder}/stream").awaitTermination()
    latest = Window.partitionBy("group").orderBy(F.desc("id"))
    read = spark.read.format("delta").load(table).withColumn("place", F.row_number().over(latest)).localCheckpoint()
    read.join(frame, on=["id"], how="left_semi").groupBy("group").applyInArrow(lambda part: part, read.schema).collect()
    read.groupBy("group").agg(F.collect_list("id"), F.count_distinct("text")).write.parquet(f"{folder}/parquet")
    words = HashingTF(inputCol="words", outputCol="counts").transform(RegexTokenizer(inputCol="text", outputCol="words").transform(read))
    IDF(inputCol="counts", outputCol="weights").fit(words)
    ALS(userCol="group", itemCol="id", ratingCol="place", rank=2, maxIter=1, implicitPrefs=True).fit(read)


def main(archive: Path) -> None:
    """Write `archive`; Java does so while it ends."""
    archive.unlink(missing_ok=True)
    os.environ["SPARK_SUBMIT_OPTS"] = f'"-XX:ArchiveClassesAtExit={archive}" -Xlog:cds=off -Xlog:cds+dynamic=off'
    with tempfile.TemporaryDirectory() as folder:
        spark = build_session("class archive", {"spark.master": "local[2]", "spark.ui.enabled": "false", "spark.sql.warehouse.dir": folder})
        touch(spark, folder)
        gateway: Any = spark.sparkContext._gateway
        spark.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()  # the sign for Java to end
    gateway.proc.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
