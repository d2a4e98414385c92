"""The declared jobs as a picture or for a scheduler: every edge follows from what the jobs read and write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

import mapping_spark
from mapping_spark.errors import ConfigError
from mapping_spark.job import Job

_MADE_BY = "Made by `mapping-spark graph --format {}` from the declared jobs; not edited by hand."
_IMAGE = "mapping-spark"
_RETRIES = 2
_NAMESPACE = "spark"


@dataclass(frozen=True)
class Step:
    """A job and the jobs that must have ended before it."""

    name: str
    after: tuple[str, ...]
    summary: str
    """What it does, in one line."""


def steps(jobs: Sequence[Job]) -> list[Step]:
    """The jobs in running order, each with the writers of what it reads."""
    writer = {table.name: job.name for job in jobs for table in job.writes}
    return [
        Step(job.name, tuple(sorted({writer[t.name] for t in job.reads if t.name in writer} - {job.name})), str(job.work)) for job in jobs
    ]


def mermaid(graph: Sequence[Step], env: str) -> str:
    """A flowchart that Markdown pages draw."""
    lines = [f"    {step.name}" for step in graph if not step.after]
    lines += [f"    {before} --> {step.name}" for step in graph for before in step.after]
    return "\n".join(["flowchart LR", *lines, ""])


def dot(graph: Sequence[Step], env: str) -> str:
    """Graphviz."""
    lines = [f'    "{step.name}";' for step in graph] + [f'    "{before}" -> "{step.name}";' for step in graph for before in step.after]
    return "\n".join(["digraph jobs {", "    rankdir=LR;", *lines, "}", ""])


def databricks(graph: Sequence[Step], env: str) -> str:
    """A Databricks asset bundle: one job, a wheel task per step, on one job cluster."""
    tasks = [
        {
            "task_key": step.name,
            **({"depends_on": [{"task_key": before} for before in step.after]} if step.after else {}),
            "job_cluster_key": "jobs",
            "max_retries": _RETRIES,
            "python_wheel_task": {
                "package_name": "mapping_spark",
                "entry_point": "mapping-spark",
                "parameters": ["run", step.name, "--env", "${bundle.target}", "--as-of", "{{job.parameters.as_of}}"],
            },
            "libraries": [{"whl": "./dist/*.whl"}],
        }
        for step in graph
    ]
    cluster = {
        "spark_version": "17.3.x-scala2.13",  # Spark 4.0
        "node_type_id": "${var.node_type}",
        "num_workers": "${var.workers}",
    }
    job = {
        "name": "mapping_spark ${bundle.target}",
        "parameters": [{"name": "as_of", "default": "{{job.trigger.time.iso_date}}"}],
        "max_concurrent_runs": 1,
        "job_clusters": [{"job_cluster_key": "jobs", "new_cluster": cluster}],
        "tasks": tasks,
    }
    variables = {
        "node_type": {"description": "Machine type of the workers.", "default": "i3.xlarge"},
        "workers": {"description": "How many workers.", "default": 4},
    }
    bundle = {
        "bundle": {"name": "mapping_spark"},
        "variables": variables,
        "artifacts": {"wheel": {"type": "whl", "build": "python -m build --wheel", "path": "."}},
        "resources": {"jobs": {"mapping_spark": job}},
        "targets": {"dev": {"mode": "development", "default": True}, "staging": {}, "prod": {"mode": "production"}},
    }
    return _yaml("databricks", [bundle])


def kubernetes(graph: Sequence[Step], env: str) -> str:
    """A SparkApplication per job for the Kubernetes operator; annotations name the jobs before it (a workflow engine keeps the order)."""
    return _yaml("kubernetes", [_spark_application(step, env) for step in graph])


def _spark_application(step: Step, env: str) -> Mapping[str, Any]:
    name = step.name.replace("_", "-")
    secrets = [{"name": "mapping-spark", "path": "/run/secrets", "secretType": "Generic"}]
    pod = {"cores": 1, "memory": "4g", "serviceAccount": "spark", "secrets": secrets}
    return {
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {"name": name, "namespace": _NAMESPACE, "annotations": {"mapping-spark/after": ",".join(step.after)}},
        "spec": {
            "type": "Python",
            "pythonVersion": "3",
            "mode": "cluster",
            "image": f"{_IMAGE}:{mapping_spark.__version__}",
            "sparkVersion": "4.0.0",
            "mainApplicationFile": f"local:///opt/mapping_spark/jobs/{step.name}.py",
            "arguments": ["--env", env, "--as-of", "AS_OF"],
            "restartPolicy": {"type": "OnFailure", "onFailureRetries": _RETRIES, "onFailureRetryInterval": 60},
            "driver": pod,
            "executor": pod | {"instances": 2, "cores": 4, "memory": "16g"},
        },
    }


def airflow(graph: Sequence[Step], env: str) -> str:
    """An Airflow 3 DAG (airflow.sdk): a spark-submit per job, every day, one date at a time."""
    tasks = [f'    tasks["{step.name}"] = submit("{step.name}")' for step in graph]
    edges = [f'    tasks["{before}"] >> tasks["{step.name}"]' for step in graph for before in step.after]
    head = f'''"""{_MADE_BY.format("airflow")}"""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

PROJECT = "/opt/mapping_spark"
SUBMIT = "spark-submit --properties-file conf/spark-defaults.conf jobs/JOB.py --env {env} --as-of {{{{ ds }}}}"


def submit(job: str) -> BashOperator:
    """A job by spark-submit; its exit code says why it failed (README)."""
    return BashOperator(task_id=job, bash_command=SUBMIT.replace("JOB", job), cwd=PROJECT)


with DAG(
    dag_id="mapping_spark",
    schedule="@daily",
    start_date=datetime(2024, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={{"retries": {_RETRIES}, "retry_delay": timedelta(minutes=5), "retry_exponential_backoff": True}},
) as dag:
    tasks = {{}}
'''
    return head + "\n".join([*tasks, *edges, ""])


def _yaml(name: str, documents: Sequence[Mapping[str, Any]]) -> str:
    dumper = type("Plain", (yaml.SafeDumper,), {"ignore_aliases": lambda self, data: True})
    text = yaml.dump_all([dict(document) for document in documents], Dumper=dumper, sort_keys=False, width=120)
    return f"# {_MADE_BY.format(name)}\n{text}"


FORMATS: dict[str, Callable[[Sequence[Step], str], str]] = {
    "mermaid": mermaid,
    "dot": dot,
    "databricks": databricks,
    "airflow": airflow,
    "kubernetes": kubernetes,
}


def render(name: str, graph: Sequence[Step], env: str) -> str:
    """The graph in a format; `env` is the environment whose settings the jobs of a scheduler use."""
    if name not in FORMATS:
        raise ConfigError("graph --format", repr(name), f"one of {sorted(FORMATS)}", "Choose one of them.")
    return FORMATS[name](graph, env)
