"""A fitted model as Parquet folders: any engine reads them, and nothing in them is code."""

from __future__ import annotations

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mapping_spark.errors import MissingInput
from mapping_spark.models.base import Vectors
from mapping_spark.tables.frames import small

_ROLES = ("users", "items", "similar_from", "similar_to")
_ROLE_SCHEMA = "role string, folder string"  # the artifact's own table of contents, no declared table


def save(vectors: Vectors, path: str) -> None:
    """Write the frames of `vectors` under `path` (a folder or URI), replacing what is there.

    A frame that plays two roles is computed and written once. The table of contents `roles` comes last, so an artifact
    without it is one that was not finished.
    """
    folders: dict[str, str] = {}
    frames: dict[int, str] = {}
    for role in _ROLES:
        frame: DataFrame | None = getattr(vectors, role)
        if frame is None:
            continue
        if id(frame) not in frames:
            frame.write.mode("overwrite").option("compression", "zstd").parquet(f"{path}/{role}")
            frames[id(frame)] = role
        folders[role] = frames[id(frame)]
    roles = small(vectors.users.sparkSession, sorted(folders.items()), _ROLE_SCHEMA)
    roles.coalesce(1).write.mode("overwrite").parquet(f"{path}/roles")


def load(spark: SparkSession, path: str) -> Vectors:
    """Read what `save` wrote. Raises `MissingInput` where no finished artifact lies at `path`."""
    try:
        roles = {row.role: row.folder for row in spark.read.schema(_ROLE_SCHEMA).parquet(f"{path}/roles").collect()}  # at most 4 rows
    except AnalysisException:
        raise MissingInput(f"model artifact {path}", "no table of contents", "a saved model", "Run the job that fits it again.") from None
    frames = {folder: spark.read.parquet(f"{path}/{folder}") for folder in sorted(set(roles.values()))}
    return Vectors(**{role: frames[folder] for role, folder in roles.items()})


def n_parameters(vectors: Vectors) -> int:
    """Numbers stored in the model (values of all vectors; a frame in two roles counts once). Runs a Spark job."""
    frames = {id(frame): frame for role in _ROLES if (frame := getattr(vectors, role)) is not None}
    sizes = [frame.select(F.size("values").alias("size")) for frame in frames.values()]
    total = sizes[0]
    for more in sizes[1:]:
        total = total.unionAll(more)
    counted = total.agg(F.coalesce(F.sum("size"), F.lit(0)).alias("n")).first()
    return int(counted["n"]) if counted is not None else 0
