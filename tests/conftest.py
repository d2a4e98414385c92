"""One Spark session for the whole suite (one per worker under `-n`), small and with Delta on."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from mapping_spark.session import build_session

os.environ["TZ"] = "UTC"  # collected timestamps are naive and local; expectations are written in UTC
time.tzset()
os.environ["OMP_NUM_THREADS"] = "1"  # tiny tensors: threads that wait for each other would slow the test file beside this one
# Ranks are processes of their own; what they run in these tests lies beside the package.
os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])

SMALL = {
    "spark.master": "local[2]",
    "spark.driver.memory": "2g",
    # Tiny tables: compiling code, in the JVM or by Spark, costs more than it saves. None of these changes a result.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.execution.arrow.maxBytesPerBatch": "2147483647",  # as in conf/base.yml
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "2",
    "spark.databricks.delta.stats.skipping": "false",
    "spark.sql.optimizer.dynamicPartitionPruning.enabled": "false",
    "spark.sql.ui.retainedExecutions": "5",
    "spark.ui.retainedJobs": "5",
    "spark.ui.retainedStages": "5",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


LONGEST = ("test_golden_day.py", "test_crash.py", "test_launch.py", "test_clean.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that under `-n` none is left to run alone at the end."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The session every test shares."""
    warehouse: Path = tmp_path_factory.mktemp("spark")
    session = build_session("tests", SMALL | {"spark.sql.warehouse.dir": str(warehouse)})
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()
