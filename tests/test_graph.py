"""The graph follows the declarations, and what lies under deploy/ is what it prints now."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mapping_spark.errors import ConfigError
from mapping_spark.graph import FORMATS, Step, render, steps
from mapping_spark.job import Does, Job
from mapping_spark.pipeline import all_jobs
from mapping_spark.tables.silver import ITEM_IDS, USER_IDS

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
WORK = Does(lambda run: None, "nothing")
TWO = steps([Job(name="a", writes=(USER_IDS,), work=WORK), Job(name="b", reads=(USER_IDS,), writes=(ITEM_IDS,), work=WORK)])


def test_an_edge_goes_from_the_writer_to_the_reader() -> None:
    assert [Step("a", (), "nothing"), Step("b", ("a",), "nothing")] == TWO
    assert render("mermaid", TWO, "prod") == "flowchart LR\n    a\n    a --> b\n"
    assert '"a" -> "b";' in render("dot", TWO, "prod")
    assert 'tasks["a"] >> tasks["b"]' in render("airflow", TWO, "prod")
    with pytest.raises(ConfigError, match="graph --format"):
        render("makefile", TWO, "prod")


@pytest.mark.parametrize(
    ("name", "file"), [("databricks", "databricks.yml"), ("airflow", "airflow_dag.py"), ("kubernetes", "kubernetes.yaml")]
)
def test_deployments_are_those_of_the_declared_jobs(name: str, file: str) -> None:
    assert (DEPLOY / file).read_text() == render(name, steps(all_jobs()), "prod"), "make graph"


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_names_every_job(name: str) -> None:
    text = render(name, steps(all_jobs()), "prod").replace("-", "_")
    assert all(job.name in text for job in all_jobs())


def test_a_bundle_depends_as_the_jobs_do_and_the_dag_is_python() -> None:
    (tasks,) = [job["tasks"] for job in yaml.safe_load(render("databricks", TWO, "prod"))["resources"]["jobs"].values()]
    assert [[d["task_key"] for d in task.get("depends_on", [])] for task in tasks] == [[], ["a"]]
    compile(render("airflow", TWO, "prod"), "airflow_dag.py", "exec")
    assert [app["metadata"]["annotations"] for app in yaml.safe_load_all(render("kubernetes", TWO, "prod"))][1] == {
        "mapping-spark/after": "a"
    }
