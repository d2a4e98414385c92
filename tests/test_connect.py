"""The prompt's lines over Spark Connect, against a real server here; the client is its own process, as both sessions do not mix."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from .connect import server

PROJECT = Path(__file__).resolve().parent.parent
CLIENT = r"""
import re, sys
from mapping_spark.errors import EnvironmentFault
from mapping_spark.session import build_session
from mapping_spark.tables.silver import USER_IDS
from mapping_spark.tables.store import Store
from tests.test_prompt import DOCS, orders

(block,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), flags=re.DOTALL)
names = {"orders": orders()}
exec(block, names)
history, judged = names["history"], names["judged"]
print(type(history.events).__module__)
print(judged.table().loc["als", "new_items"])
store = Store(build_session("client"), sys.argv[1])
print(store.exists(USER_IDS))
store.create(USER_IDS)
print(store.exists(USER_IDS), store.read(USER_IDS).columns)
try:
    history.train("mf_bpr", "deep")
except EnvironmentFault as fault:
    print(fault)
"""


def test_lists_metrics_and_tables_come_over_spark_connect_and_ranks_are_refused(tmp_path: Path) -> None:
    with server(tmp_path) as address:
        environment = os.environ | {"SPARK_REMOTE": address, "PYTHONPATH": str(PROJECT), "MPLBACKEND": "agg"}
        command = [sys.executable, "-c", CLIENT, str(tmp_path / "warehouse")]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    *_, module, table, before, after, refusal = done.stdout.splitlines()
    assert module.startswith("pyspark.sql.connect")
    assert re.fullmatch(r"1\.0000 \[1\.0000, 1\.0000\]", table)  # as in a session of its own: test_prompt.py
    assert (before, after) == ("False", "True ['user_id', 'user_idx']")
    assert "a Spark Connect session; expected Spark's own driver" in refusal
