"""What a notebook asks of its surroundings: its parameters, and the warehouse it looks at."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys

from mapping_spark import logs
from mapping_spark.config import conf_folder
from mapping_spark.errors import MissingInput
from mapping_spark.job import open_store
from mapping_spark.settings import Settings, load_settings
from mapping_spark.tables.ops import JOB_RUNS
from mapping_spark.tables.store import Store


def parameter(name: str, default: str) -> str:
    """The Databricks widget `name`, made if the notebook lacks it; without widgets $MAPPING_SPARK_<NAME>, else `default`."""
    dbutils = getattr(sys.modules["__main__"], "dbutils", None)  # a notebook's own names lie in __main__
    if dbutils is None:
        return os.environ.get(f"MAPPING_SPARK_{name.upper()}", default)
    dbutils.widgets.text(name, default)
    return str(dbutils.widgets.get(name))


def open_warehouse(env: str, as_of: str = "", root: str = "") -> tuple[Settings, dt.date, Store]:
    """Settings of an environment, the date, and its tables on the session that exists, or on a new one.

    `as_of` and `root` replace the environment's date and store.root where they are not empty. A relative root lies beside
    the folder of settings, wherever the notebook runs. Raises `MissingInput` where no job has ever run there.
    """
    logs.configure()
    given = root or load_settings(env).store.root
    place = given if "://" in given else str(conf_folder().resolve().parent / given)
    settings = load_settings(env, [f"store.root={json.dumps(place)}"])  # JSON is YAML: a path is never read as something else
    store = open_store(f"mapping_spark {env}", settings)
    if not store.exists(JOB_RUNS):
        fix = f"Run `make demo` (or mapping-spark run all --env {env}), or name another warehouse: widget root, $MAPPING_SPARK_ROOT."
        raise MissingInput(f"the warehouse {place}", "no tables", "what the jobs write", fix)
    return settings, settings.date(as_of or None), store
