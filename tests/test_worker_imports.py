"""What every Python worker of a session carries, and what only a few tasks load."""

from __future__ import annotations

import subprocess
import sys

LIGHT = ("mapping_spark.training.executors", "mapping_spark.models.deep_runs", "mapping_spark.prompt")
"""These say that torch waits until a deep model is trained: it alone takes seconds."""
HEAVY = ("torch", "horovod", "petastorm", "scipy", "statsmodels", "sklearn", "matplotlib")
SOURCE = f"""
import sys
from importlib import import_module
from mapping_spark.workers import SHARED
for name in (*SHARED, *{LIGHT!r}):
    import_module(name)
    print(name, *(heavy for heavy in {HEAVY!r} if heavy in sys.modules))
"""


def test_workers_and_what_runs_before_ranks_leave_the_heavy_packages_to_those_who_need_them() -> None:
    told = subprocess.run([sys.executable, "-c", SOURCE], capture_output=True, text=True, check=True).stdout.splitlines()
    assert told[-3:] == list(LIGHT)
    assert [line for line in told if " " in line] == []
    assert "mapping_spark.models.item_knn" in told  # for most of a session's tasks
