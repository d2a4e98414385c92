"""The command line as a user meets it: real processes, documented exit codes, no traceback, no Spark for a typing error."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mapping_spark.errors import EXIT_CODES, ConfigError, MappingSparkError
from mapping_spark.tables import TABLES

PROJECT = Path(__file__).resolve().parent.parent


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mapping_spark.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, env=os.environ | environment, check=False, timeout=120)


def test_help_lists_the_verbs_and_loads_nothing_heavy() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert all(verb in done.stdout for verb in ("demo", "run", "jobs", "tables", "doctor"))
    heavy = "import sys, mapping_spark.cli; sys.exit(any(name in sys.modules for name in ('pyspark', 'torch', 'pandas', 'pydantic')))"
    assert subprocess.run([sys.executable, "-c", heavy], check=False).returncode == 0


def test_wrong_settings_are_all_told_at_once_before_spark_starts() -> None:
    began = time.monotonic()
    done = run("run", "all", "--env", "demo", "--set", "recommend.kk=3", "--set", "interactions.half_life_day=3", "--set", "models.alz={}")
    assert done.returncode == ConfigError.exit_code
    assert "Traceback" not in done.stderr
    assert all(hint in done.stderr for hint in ("did you mean 'k'", "did you mean 'half_life_days'", "did you mean 'als'"))
    assert time.monotonic() - began < 60


def test_an_unknown_job_or_table_names_the_known_ones() -> None:
    assert "build_interactions" in run("run", "build_interaction").stderr
    assert "gold.recommendations" in run("tables", "gold.recommendation").stderr


def test_tables_shows_the_dictionary() -> None:
    done = run("tables")
    assert all(name in done.stdout for name in TABLES)
    assert "redemption_rate" in run("tables", "gold.campaign_kpis").stdout


def test_jobs_are_listed_in_running_order() -> None:
    printed = run("jobs").stdout
    assert (
        printed.index("ingest_events") < printed.index("clean_events") < printed.index("build_interactions") < printed.index("fit_models")
    )


def test_doctor_finds_this_environment_well_and_names_the_fix_where_it_is_not() -> None:
    done = run("doctor")
    assert done.returncode == 0, done.stdout
    broken = run("doctor", JAVA_HOME="/nowhere")
    assert broken.returncode == 3
    assert "openjdk-17" in broken.stdout


@pytest.mark.parametrize("fault", MappingSparkError.__subclasses__(), ids=lambda fault: fault.__name__)
def test_every_exit_code_is_documented(fault: type[MappingSparkError]) -> None:
    assert fault.exit_code in EXIT_CODES
