"""Jobs in an order that their declarations allow, declarations that name what they use, and command lines that are refused at once."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_spark import logs
from mapping_spark.errors import ConfigError
from mapping_spark.job import Does, Inserts, Job, Replaces, in_order
from mapping_spark.pipeline import declared_jobs
from mapping_spark.settings import Settings
from mapping_spark.tables import TABLES

JOBS = sorted(path for path in (Path(__file__).resolve().parent.parent / "jobs").glob("*.py") if path.stem != "__init__")
SOME = list(TABLES.values())[:8]


def job(name: str, reads: list[int], writes: list[int]) -> Job:
    tables = ([SOME[place] for place in places] for places in (reads, writes))
    return Job(name=name, reads=tuple(next(tables)), writes=tuple(next(tables)), work=Does(lambda run: None, "nothing"))


@settings(deadline=None)
@given(data=st.data())
def test_every_job_comes_after_the_writers_of_what_it_reads(data: st.DataObject) -> None:
    """Job n writes table n and reads some of those before it, its own too; its name is any letter."""
    letters = data.draw(st.permutations("abcdefgh"))
    reads = [data.draw(st.lists(st.integers(0, place), unique=True)) for place in range(len(SOME))]
    jobs = {letter: job(letter, reads[place], [place]) for place, letter in enumerate(letters)}
    shuffled = {letter: jobs[letter] for letter in data.draw(st.permutations("abcdefgh"))}
    names = [one.name for one in in_order(shuffled)]
    assert sorted(names) == list("abcdefgh")
    for place, letter in enumerate(letters):
        assert all(names.index(letters[read]) <= names.index(letter) for read in reads[place])
    assert names == [one.name for one in in_order(jobs)]  # whatever order they are found in


def test_jobs_that_do_not_wait_for_each_other_stand_by_name() -> None:
    jobs = {"c": job("c", [], [0]), "b": job("b", [0], [1]), "a": job("a", [0], [2]), "d": job("d", [], [3])}
    assert [one.name for one in in_order(jobs)] == ["c", "d", "a", "b"]


def test_a_cycle_is_refused_with_those_in_it_and_those_that_wait_for_it() -> None:
    jobs = {"a": job("a", [1], [0]), "b": job("b", [0], [1]), "c": job("c", [0], [2]), "d": job("d", [], [3])}
    with pytest.raises(ConfigError, match=r"^jobs \['a', 'b', 'c'\]: reads that form a cycle; expected an order. Break the cycle"):
        in_order(jobs)


def is_settings(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "settings"


def settings_read(source: str) -> set[str]:
    """Sections that a job's file takes from `run.settings`, there or under the name it gave them."""
    nodes, names = list(ast.walk(ast.parse(source))), set()
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            pairs: list[tuple[ast.expr, ast.expr]] = [(node.targets[0], node.value)]
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = list(zip(node.targets[0].elts, node.value.elts, strict=True))
        else:
            continue
        names |= {target.id for target, value in pairs if isinstance(target, ast.Name) and is_settings(value)}
    taken = (node for node in nodes if isinstance(node, ast.Attribute))
    return {node.attr for node in taken if is_settings(node.value) or (isinstance(node.value, ast.Name) and node.value.id in names)}


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_a_jobs_key_holds_every_setting_that_it_reads(path: Path) -> None:
    """Else it would be skipped after that setting had changed. A limit changes no row: it stops a dry run."""
    (declared,) = [one for one in declared_jobs() if one.name == path.stem]
    assert set(declared.config) <= set(Settings.model_fields)
    assert settings_read(path.read_text()) - {"limits"} == set(declared.config)


def test_work_writes_a_table_that_its_job_declares_by_a_column_that_it_has() -> None:
    for one in declared_jobs():
        if isinstance(one.work, Replaces | Inserts):
            assert one.work.table in one.writes, one.name
        if isinstance(one.work, Replaces) and one.work.slice_by:
            assert one.work.slice_by in one.work.table.column_names, one.name


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--as-of", "1.12.2017"], "ConfigError: --as-of: '1.12.2017'; expected YYYY-MM-DD."),
        (["--as-of", "2017-13-01"], "ConfigError: --as-of: '2017-13-01'; expected YYYY-MM-DD."),
        (["--env", "nowhere"], "ConfigError: --env: no settings for 'nowhere'; expected one of ["),
        (["--set", "recommend.k"], "ConfigError: --set: 'recommend.k'; expected key=value"),
        (["--set", "recommend.kk=3"], "recommend.kk is unknown (did you mean 'k'?)"),
        (["--set", "seed=-1"], "seed = -1: Input should be greater than or equal to 0"),
        (["--set", "training.shards=3", "--set", "snapshot.length=1"], "shards = 3 cannot be dealt to ranks = 2"),
        (["--set", "as_of=null", "--dry-run"], "ConfigError: --as-of: no date; expected YYYY-MM-DD. Give one, or set as_of"),
        (["now"], "unrecognized arguments: now"),
    ],
)
def test_a_command_line_is_refused_before_spark_starts(
    arguments: list[str], found: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "configure", lambda: None)
    monkeypatch.setattr("mapping_spark.job.open_store", lambda *_: pytest.fail("Spark was started"))
    with pytest.raises(SystemExit) as ended:
        job("a", [], [0]).main(arguments)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert found in told
    assert "Traceback" not in told
