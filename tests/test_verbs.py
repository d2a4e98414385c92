"""The verbs of the command line in this process: what each refuses before Spark starts, and what it prints without it."""

from __future__ import annotations

import sys

import pytest
from typer.testing import CliRunner

from mapping_spark import cli, logs
from mapping_spark.errors import ConfigError
from mapping_spark.graph import FORMATS
from mapping_spark.pipeline import all_jobs, declared_jobs
from mapping_spark.tables import TABLES


@pytest.fixture(autouse=True)
def without_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "configure", lambda: None)
    monkeypatch.setattr("mapping_spark.pipeline.open_store", lambda *_: pytest.fail("Spark was started"))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("run build_itmes", "run: no job 'build_itmes'; expected `all` or one of ["),
        ("run all --from x --to y", "run: no job 'x', 'y'; expected `all` or one of ["),
        ("run all --from maintain_tables", "no job 'maintain_tables'"),  # it has a schedule of its own
        ("run build_items --to recommend", "--from, --to: given with the job build_items; expected `all`"),
        ("run all --from recommend --to build_items", "--from, --to: recommend runs after build_items; expected the earlier job first"),
        ("run build_items --env nowhere", "--env: no settings for 'nowhere'; expected one of ["),
        ("run build_items --as-of 1.12.2017", "--as-of: '1.12.2017'; expected YYYY-MM-DD."),
        ("run build_items --set recommend.k=many", "recommend.k = 'many'"),
        ("backtest 2017-9-1", "--as-of: '2017-9-1'; expected YYYY-MM-DD."),
        ("report --set as_of=null", "--as-of: no date; expected YYYY-MM-DD."),
        ("publish --set sql.port=80", "sql.port = 80: Input should be greater than or equal to 1024"),
        ("sql --set sql.catalog=My-Catalog", "sql.catalog = 'My-Catalog'"),
        ("graph --format png", f"graph --format: 'png'; expected one of {sorted(FORMATS)}"),
        ("tables gold.nothing", "tables: no table 'gold.nothing'; expected one of ["),
        ("tables --format png", "--format: 'png'; expected md or html"),
    ],
)
def test_a_wrong_word_is_refused_by_name(line: str, found: str) -> None:
    fault = CliRunner().invoke(cli.app, line.split()).exception
    assert isinstance(fault, ConfigError)
    assert found in str(fault)


@pytest.mark.parametrize(
    "line", ["runs --format xml", "runs --latest many", "run", "backtest", "tune", "lineage", "build_items", "run a b"]
)
def test_a_line_that_is_none_is_a_usage_error(line: str) -> None:
    assert CliRunner().invoke(cli.app, line.split()).exit_code == 2


def test_a_fault_ends_the_process_with_one_line_and_its_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["mapping-spark", "graph", "--format", "png"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == ConfigError.exit_code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ConfigError: graph --format: ")


def test_every_verb_says_what_it_does_in_a_line() -> None:
    told = CliRunner().invoke(cli.app, ["--help"]).stdout
    for command in cli.app.registered_commands:
        doc = (command.callback.__doc__ or "").splitlines()[0] if command.callback else ""
        assert doc
        assert doc in told, doc


def test_texts_for_other_systems_hold_every_job_and_table() -> None:
    graph = CliRunner().invoke(cli.app, ["graph"]).stdout
    assert all(f"    {job.name}\n" in graph or f"--> {job.name}\n" in graph for job in all_jobs())
    listed = CliRunner().invoke(cli.app, ["jobs"]).stdout
    assert all(job.name in listed for job in declared_jobs())
    dictionary = CliRunner().invoke(cli.app, ["tables", "--format", "md"]).stdout
    assert all(name in dictionary for name in TABLES)
