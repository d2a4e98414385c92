"""The order of made-up jobs and every form of their graph, against the reads and writes that were declared."""

from __future__ import annotations

import re
from random import Random

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_spark.errors import ConfigError
from mapping_spark.graph import Step, render, steps
from mapping_spark.job import Does, Job, in_order
from mapping_spark.pipeline import all_jobs, choose, declared_jobs
from mapping_spark.tables import TABLES

WORK = Does(lambda run: None, "nothing")
TABLE = list(TABLES.values())


@st.composite
def declared(draw: st.DrawFn) -> dict[str, Job]:
    """Up to eight jobs without a cycle, whose names say nothing of their order; some read what they write themselves."""
    names = draw(st.lists(st.text("abcxyz_", min_size=1, max_size=3).filter(lambda name: name[0] != "_"), unique=True, max_size=8))
    jobs = {}
    for at, name in enumerate(names):
        reads = draw(st.sets(st.integers(0, at)))  # tables of the jobs before it, and perhaps its own
        spare = draw(st.sets(st.integers(20, 22)))  # tables that nobody writes
        jobs[name] = Job(name=name, reads=tuple(TABLE[n] for n in sorted(reads | spare)), writes=(TABLE[at],), work=WORK)
    return jobs


def edges(jobs: dict[str, Job]) -> set[tuple[str, str]]:
    """(before, after): one writes what the other reads."""
    return {
        (before.name, after.name)
        for before in jobs.values()
        for after in jobs.values()
        if before is not after and set(before.writes) & set(after.reads)
    }


@settings(deadline=None)
@given(declared(), st.randoms(use_true_random=False))
def test_a_job_comes_after_all_that_write_what_it_reads_however_they_were_listed(jobs: dict[str, Job], random: Random) -> None:
    names = [job.name for job in in_order(jobs)]
    assert sorted(names) == sorted(jobs)
    assert all(names.index(before) < names.index(after) for before, after in edges(jobs))
    shuffled = list(jobs.items())
    random.shuffle(shuffled)
    assert [job.name for job in in_order(dict(shuffled))] == names


@settings(max_examples=20, deadline=None)
@given(declared())
def test_every_form_of_the_graph_has_these_edges_and_no_other(jobs: dict[str, Job]) -> None:
    graph = steps(in_order(jobs))
    assert {(before, step.name) for step in graph for before in step.after} == edges(jobs)
    found = {
        "mermaid": re.findall(r"^    (\w+) --> (\w+)$", render("mermaid", graph, "prod"), flags=re.MULTILINE),
        "dot": re.findall(r'^    "(\w+)" -> "(\w+)";$', render("dot", graph, "prod"), flags=re.MULTILINE),
        "airflow": re.findall(r'^    tasks\["(\w+)"\] >> tasks\["(\w+)"\]$', render("airflow", graph, "prod"), flags=re.MULTILINE),
    }
    (bundle,) = yaml.safe_load(render("databricks", graph, "prod"))["resources"]["jobs"].values()
    found["databricks"] = [(on["task_key"], task["task_key"]) for task in bundle["tasks"] for on in task.get("depends_on", [])]
    for name, pairs in found.items():
        assert (name, len(pairs), set(pairs)) == (name, len(edges(jobs)), edges(jobs))
    lone = set(re.findall(r"^    (\w+)$", render("mermaid", graph, "prod"), flags=re.MULTILINE))
    assert lone == {step.name for step in graph if not step.after}  # so that a job without an edge is there as well


def test_a_job_is_submitted_with_the_environment_that_was_asked_for() -> None:
    graph = [Step("build_items", (), "nothing"), Step("rank", ("build_items",), "nothing")]
    assert "--env staging --as-of {{ ds }}" in render("airflow", graph, "staging")
    first, second = yaml.safe_load_all(render("kubernetes", graph, "staging"))
    assert first["metadata"]["name"] == "build-items"  # Kubernetes takes no underscore
    assert first["spec"]["mainApplicationFile"].endswith("/jobs/build_items.py")
    assert first["spec"]["arguments"][:2] == ["--env", "staging"]
    assert (first["metadata"]["annotations"], second["metadata"]["annotations"]) == (
        {"mapping-spark/after": ""},
        {"mapping-spark/after": "build_items"},
    )
    (bundle,) = yaml.safe_load(render("databricks", graph, "staging"))["resources"]["jobs"].values()
    assert bundle["tasks"][0]["python_wheel_task"]["parameters"][:2] == ["run", "build_items"]


def test_names_in_kubernetes_are_those_it_takes() -> None:
    names = [one["metadata"]["name"] for one in yaml.safe_load_all(render("kubernetes", steps(declared_jobs()), "prod"))]
    assert [name for name in names if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name)] == []
    assert len(set(names)) == len(names)


def test_jobs_with_a_schedule_of_their_own_come_last_and_are_not_among_all() -> None:
    declared_, all_ = declared_jobs(), all_jobs()
    assert declared_[: len(all_)] == all_
    assert [job.by_itself for job in declared_] == [False] * len(all_) + [True] * (len(declared_) - len(all_))
    assert "maintain_tables" in {job.name for job in declared_[len(all_) :]}
    assert [job.name for job in choose("maintain_tables")] == ["maintain_tables"]
    with pytest.raises(ConfigError, match="no job 'maintain_tables'"):
        choose("all", "maintain_tables")


def test_either_end_of_all_jobs_may_be_left_open() -> None:
    names = [job.name for job in all_jobs()]
    assert [job.name for job in choose("all", first=names[-2])] == names[-2:]
    assert [job.name for job in choose("all", last=names[1])] == names[:2]
    assert [job.name for job in choose("all", names[3], names[3])] == [names[3]]
    with pytest.raises(ConfigError, match="no job 'fitt', 'rank'; expected `all` or one of"):
        choose("all", "fitt", "rank")
