"""An environment's settings: every fault at once, what a job's key depends on, and the date of a run."""

from __future__ import annotations

import ast
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from mapping_spark.config import CONF_VARIABLE
from mapping_spark.errors import ConfigError
from mapping_spark.pipeline import declared_jobs
from mapping_spark.settings import Settings, load_settings

from . import golden

JOBS = Path(__file__).resolve().parent.parent / "jobs"


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of settings with one source."""
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "shop.yml").write_text(yaml.safe_dump(golden.SOURCE | {"path": "shop"}))
    (tmp_path / "base.yml").write_text("seed: 3\n")
    (tmp_path / "demo.yml").write_text("sources: [shop]\nas_of: 2024-03-10\n")
    monkeypatch.setenv(CONF_VARIABLE, str(tmp_path))
    return tmp_path


def test_an_overlay_goes_over_the_base_and_the_command_line_over_both(conf: Path) -> None:
    found = load_settings("demo", ["store.root=there", "spark.x.y=1", "spark={z: true, own: null}"])
    assert (found.seed, found.as_of, found.store.root) == (3, dt.date(2024, 3, 10), "there")
    assert found.spark == {"x.y": "1", "z": "true"}
    assert [source.name for source in found.sources.events] == ["shop"]
    assert found.sources.entities == ()


def test_faults_of_sources_models_spark_and_sections_are_told_together(conf: Path) -> None:
    wrong = ["sources=[shop, shp]", "models.alz={}", "spark.a.password=pa55-word", "recommend.kk=3", "sql.port=80"]
    with pytest.raises(ConfigError) as caught:
        load_settings("demo", wrong)
    told = caught.value.found
    assert caught.value.where == "conf/demo.yml over conf/base.yml"
    for part in (
        "source shp: no sources/shp.yml",
        "no model is called 'alz' (did you mean 'als'?)",
        "a.password holds a secret in plain text",
        "recommend.kk is unknown (did you mean 'k'?)",
        "sql.port = 80",
    ):
        assert part in told
    assert "pa55-word" not in told


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("spark=local", "spark = 'local': use a mapping of Spark's settings"),
        ("spark=", "spark = None: use a mapping of Spark's settings"),
        ("models=[als]", "models: use a mapping of models"),
        ("models=", "models = None: use a mapping of models"),
        ("models.als=64", "models: models.als: Input should be a valid dictionary"),
        ("models.als=fast", "models: models.als: Input should be a valid dictionary"),
        ("sources=shop", "sources = 'shop': use a list of names"),
        ("sources=[1]", "sources: use a list of names"),
        ("store=there", "store = 'there': "),
        ("gate.k=7", "gate.k = 7 is none of evaluation.ks = [5, 10, 20]"),
        ("sql.catalog=My-Catalog", "sql.catalog = 'My-Catalog': "),
        ("seed=seven", "seed = 'seven': "),
    ],
)
def test_a_value_of_another_shape_is_told_with_its_key(conf: Path, override: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings("demo", [override])
    assert caught.value.found.startswith(told)


def test_a_source_whose_name_is_no_plain_word_is_refused(conf: Path) -> None:
    (conf / "sources" / "my shop.yml").write_text(yaml.safe_dump(golden.SOURCE | {"path": "shop", "name": "my shop"}))
    with pytest.raises(ConfigError, match="source my shop: name = 'my shop': String should match pattern"):
        load_settings("demo", ["sources=[my shop]"])


def test_values_of_spark_become_text_as_spark_writes_it() -> None:
    given: dict[str, Any] = {"a": {"b": True, "c": {"d": 1}}, "e.f": 0.5, "g": "64m", "h": False}
    assert Settings(sources=[], spark=given).spark == {"a.b": "true", "a.c.d": "1", "e.f": "0.5", "g": "64m", "h": "false"}


def test_the_port_of_sql_is_one_that_anybody_may_use() -> None:
    assert [Settings(sources=[], sql={"port": port}).sql.port for port in (1024, 65535)] == [1024, 65535]
    for port in (1023, 65536):
        with pytest.raises(ValidationError):
            Settings(sources=[], sql={"port": port})


@pytest.mark.parametrize(
    ("given", "set_", "expected"),
    [
        ("2024-02-29", None, dt.date(2024, 2, 29)),
        ("2024-03-11", dt.date(2024, 3, 10), dt.date(2024, 3, 11)),  # what is said goes before what is set
        (None, dt.date(2024, 3, 10), dt.date(2024, 3, 10)),
    ],
)
def test_the_date_is_the_one_said_else_the_one_set(given: str | None, set_: dt.date | None, expected: dt.date) -> None:
    assert Settings(sources=[], as_of=set_).date(given) == expected


@pytest.mark.parametrize("given", ["", "2023-02-29", "10.3.2024", "2024-3-10", "2024-03-10T00:00:00", "yesterday"])
def test_what_is_no_date_is_refused(given: str) -> None:
    with pytest.raises(ConfigError, match="expected YYYY-MM-DD. Give an ISO date such as 2017-12-01"):
        Settings(sources=[], as_of=dt.date(2024, 3, 10)).date(given)


def test_a_hash_depends_on_its_sections_and_on_nothing_else() -> None:
    plain = Settings(sources=[])
    assert plain.hash(("seed", "gate")) == plain.hash(["gate", "seed", "gate"])
    assert plain.hash(["seed"]) == Settings(sources=[], seed=7).hash(["seed"])  # what is said and what is the default
    other = Settings(sources=[], seed=8, store={"root": "elsewhere"})
    assert plain.hash(["seed"]) != other.hash(["seed"])
    assert plain.hash(["gate"]) == other.hash(["gate"])
    assert len({plain.hash(sections) for sections in ([], ["seed"], ["gate"], ["seed", "gate"])}) == 4
    loose = Settings(sources=[], gate={"margin": 0.01})
    assert plain.hash(["gate"]) != loose.hash(["gate"])


def test_a_source_that_is_declared_otherwise_is_another_input(conf: Path) -> None:
    before = load_settings("demo")
    declared = golden.SOURCE["event"] | {"quantity": "2"}  # type: ignore[operator]
    (conf / "sources" / "shop.yml").write_text(yaml.safe_dump(golden.SOURCE | {"path": "shop", "event": declared}))
    after = load_settings("demo")
    assert before.hash(["sources"]) != after.hash(["sources"])
    assert before.hash(["cleaning"]) == after.hash(["cleaning"])


def test_what_a_job_reads_of_the_settings_is_part_of_its_key() -> None:
    fields = set(Settings.model_fields)
    for job in declared_jobs():
        tree = ast.parse((JOBS / f"{job.name}.py").read_text())
        named = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and node.attr in fields and ast.unparse(node.value).split(".")[-1] in ("settings", "of")
        }
        assert set(job.config) <= fields, job.name
        assert named <= {*job.config, "limits"}, job.name  # limits refuse a plan and change no row
