"""Notebooks keep Databricks' format and hold no logic; a made-up one is run and rendered; parameters come from where they are set.

That every notebook runs is shown on the made-up day's warehouse: test_golden_day.py.
"""

from __future__ import annotations

import ast
import runpy
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from mapping_spark.config import CONF_VARIABLE
from mapping_spark.errors import MissingInput
from mapping_spark.notebook import parameter
from tools.notebooks import HEADER, as_notebook, main

from . import golden

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.py"))
MADE_UP = f"""{HEADER}
# MAGIC %md
# MAGIC # Two numbers

# COMMAND ----------

# MAGIC %matplotlib inline

# COMMAND ----------

from matplotlib.figure import Figure

total = 40 + 2
total

# COMMAND ----------

figure = Figure()
figure.subplots().plot([1, total])
figure
"""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_prose_and_short_cells_without_logic(path: Path) -> None:
    source = path.read_text()
    assert source.startswith(f"{HEADER}\n# MAGIC %md\n")
    assert not [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef)]
    cells = as_notebook(source)["cells"]
    prose = [cell for cell in cells if cell["cell_type"] == "markdown"]
    assert len(prose) >= 4
    assert max(len(cell["source"].splitlines()) for cell in cells) <= 12


def test_notebooks_are_numbered_from_1() -> None:
    assert [int(path.stem.partition("_")[0]) for path in NOTEBOOKS] == list(range(1, len(NOTEBOOKS) + 1))


def test_a_notebook_is_run_and_rendered_with_its_outputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "two.py").write_text(MADE_UP)
    assert main(str(tmp_path), str(tmp_path / "two.py")) == 0
    page = (tmp_path / "two.html").read_text()
    assert "Two numbers" in page
    assert "<pre>42</pre>" in page
    assert "data:image/png;base64" in page
    (tmp_path / "bad.py").write_text(f'{HEADER}\nraise ValueError("no such day")\n')
    assert main(str(tmp_path), str(tmp_path / "bad.py")) == 1
    assert "ValueError: no such day" in capsys.readouterr().err


class Widgets:
    """What Databricks' widgets do with the two calls made of them."""

    def __init__(self, **given: str) -> None:
        self.values = given

    def text(self, name: str, default: str) -> None:
        self.values.setdefault(name, default)

    def get(self, name: str) -> str:
        return self.values[name]


def test_a_parameter_is_a_widget_else_a_variable_else_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parameter("as_of", "2024-03-10") == "2024-03-10"
    monkeypatch.setenv("MAPPING_SPARK_AS_OF", "2024-03-11")
    assert parameter("as_of", "2024-03-10") == "2024-03-11"
    dbutils = type("DbUtils", (), {"widgets": Widgets(env="prod")})
    monkeypatch.setattr(sys.modules["__main__"], "dbutils", dbutils, raising=False)
    assert (parameter("env", "demo"), parameter("as_of", "2024-03-10")) == ("prod", "2024-03-10")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_without_tables_a_notebook_says_what_to_run(
    spark: SparkSession, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONF_VARIABLE, str(golden.write(tmp_path)))
    monkeypatch.setenv("MAPPING_SPARK_ENV", "golden")
    monkeypatch.setenv("MAPPING_SPARK_ROOT", "empty")  # relative: beside the folder of settings
    with pytest.raises(MissingInput, match=rf"{tmp_path}/empty: no tables; .*Run `make demo`"):
        runpy.run_path(str(path))
    assert not (tmp_path / "empty").exists()
