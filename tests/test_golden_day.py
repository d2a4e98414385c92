"""The whole road on one made-up day, as a user runs it: every number redone by hand, a second run, one job by spark-submit."""

from __future__ import annotations

import datetime as dt
import math
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from mapping_spark import experiments, pipeline
from mapping_spark.config import CONF_VARIABLE
from mapping_spark.errors import ConfigError, MissingInput
from mapping_spark.evaluation.promote import roll_back
from mapping_spark.job import Outcome
from mapping_spark.tables import TABLES
from mapping_spark.tables.gold import (
    CAMPAIGN_KPIS,
    CAMPAIGN_OUTCOMES,
    MODEL_METRICS,
    MODEL_RUNS,
    PROMOTIONS,
    RECOMMENDATIONS,
    TRAINING_EPOCHS,
    USER_VECTORS,
)
from mapping_spark.tables.ops import EVENT_ACCOUNTING, SNAPSHOTS
from mapping_spark.tables.silver import EVENTS, INTERACTIONS, QUARANTINE
from mapping_spark.tables.store import Store
from tests.training.test_tensorboard import events as events_of
from tools import cluster
from tools.compare_warehouses import differences

from . import golden

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def day(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, list[Outcome], Path]]:
    """The store after all jobs have run, how they went, and the folder of settings."""
    with pytest.MonkeyPatch.context() as patch:
        conf = golden.write(tmp_path_factory.mktemp("golden"))
        patch.setenv(CONF_VARIABLE, str(conf))
        settings, as_of, store = pipeline.open_environment("golden", None, [])
        yield store, pipeline.run_all(settings, as_of, store), conf


def test_every_record_is_accounted_for(day: tuple[Store, list[Outcome], Path]) -> None:
    (row,) = day[0].read(EVENT_ACCOUNTING).collect()
    # 25 good events, the first delivered twice, a line cut short and a blank user
    assert (row.n_in, row.n_clean, row.n_duplicate, row.n_quarantined, row.n_late) == (28, 25, 1, 2, 0)
    assert day[0].count(EVENTS) == 25
    assert {r.reason_codes for r in day[0].read(QUARANTINE).collect()} == {"not_json", "user_id_missing"}


def test_interactions_are_halved_by_half_lives_and_never_see_the_future(day: tuple[Store, list[Outcome], Path]) -> None:
    found = {(row.user_id, row.item_id): row for row in day[0].read(INTERACTIONS).collect()}
    assert len(found) == 7 + 3 * 4
    milk = found["u1", "milk"]
    half_life = pipeline.open_environment("golden", None, [])[0].interactions.half_life_days
    assert half_life is not None
    assert milk.weight == pytest.approx(0.5 ** (9 / half_life) + 0.5 ** (5 / half_life))  # bought 9 and 5 days before
    assert (milk.n_events, milk.last_at) == (2, dt.datetime(2024, 3, 5, 12))
    assert ("u1", "tea") not in found


def test_every_user_gets_exactly_k_items_with_reasons(day: tuple[Store, list[Outcome], Path]) -> None:
    rows = day[0].read(RECOMMENDATIONS).orderBy("user_id", "rank").collect()
    # all but u1 and u2 declared nothing: the configured default is consent
    assert [(row.user_id, row.rank) for row in rows] == [(f"u{n}", rank) for n in range(1, 7) for rank in (1, 2, 3)]
    assert len({(row.user_id, row.item_id) for row in rows}) == len(rows)
    assert len({row.recommendation_id for row in rows}) == len(rows)
    first = rows[0]
    assert (first.item_id, first.stage, first.reason_code, first.reason) == (
        "milk",
        "model",
        "bought_again",
        "bought 2 times, last 5 days ago",
    )


def test_repeat_is_right_about_the_habit_and_nothing_new(day: tuple[Store, list[Outcome], Path]) -> None:
    found = {(r.model, r.protocol, r.metric, r.k): r for r in day[0].read(MODEL_METRICS).where("segment = 'all'").collect()}
    hit = found["repeat", "all_items", "hit_rate", 1]
    # of u1 (took tea) and u2 (took milk again), only u2's heaviest habit can be right; the others took nothing afterwards
    assert (hit.n_users, hit.n_users_skipped) == (2, 4)
    assert found["repeat", "new_items", "hit_rate", 3].value == 0  # it has no list of new items
    assert found["popularity", "new_items", "hit_rate", 3].value == 1  # tea is among what u1 does not have


def test_two_ranks_train_on_the_snapshot_and_their_model_stands_beside_the_others(day: tuple[Store, list[Outcome], Path]) -> None:
    (snapshot,) = day[0].read(SNAPSHOTS).collect()
    # the 19 pairs of the id maps' 6 users and 4 items, a row group each
    assert (snapshot.shape, snapshot.n_rows, snapshot.n_files, snapshot.n_users, snapshot.n_items) == ("interactions", 19, 19, 6, 4)
    epochs = day[0].read(TRAINING_EPOCHS).orderBy("epoch").collect()
    assert [(row.epoch, row.ranks, row.snapshot_id) for row in epochs] == [(n, 2, snapshot.snapshot_id) for n in (0, 1)]
    vectors = {row.user_id: row.vector for row in day[0].read(USER_VECTORS).collect()}
    assert {user: len(vector) for user, vector in vectors.items()} == {f"u{n}": 5 for n in range(1, 7)}  # 4 factors, 1 for the bias
    assert {r.model for r in day[0].read(MODEL_METRICS).collect()} == {"popularity", "repeat", "item_knn", "mf_bpr", "hybrid"}


def test_of_two_ranks_one_shows_its_epochs_to_tensorboard(day: tuple[Store, list[Outcome], Path]) -> None:
    files = sorted(Path(day[0].root).glob("models/*/tensorboard/*"))
    shown = {value.tag: value.simple_value for path in files for event in events_of(path) for value in event.summary.value}
    last = day[0].read(TRAINING_EPOCHS).where("epoch = 1").collect()[0]
    assert (len(files), shown["training/loss"]) == (2, pytest.approx(last.loss))


def test_campaign_sums_redone_by_hand(day: tuple[Store, list[Outcome], Path]) -> None:
    outcomes = {row.user_id: row for row in day[0].read(CAMPAIGN_OUTCOMES).collect()}
    assert set(outcomes) == {"u1", "u3"}
    # u1 bought bread on the 5th; u3 bought jam on the 6th, its bread on the 3rd came before the campaign
    assert (outcomes["u1"].revenue, outcomes["u3"].revenue) == (Decimal(3), Decimal(5))
    assert (outcomes["u1"].n_conversions, outcomes["u3"].n_conversions) == (1, 0)
    kpis = {row.segment: row for row in day[0].read(CAMPAIGN_KPIS).collect()}
    assert (kpis["north"].n_users, kpis["unknown"].n_users) == (1, 1)
    assert kpis["unknown"].gross_margin == Decimal("1.25")  # a quarter of 5
    assert kpis["unknown"].cost == Decimal("0.5")


def test_a_second_run_changes_nothing(day: tuple[Store, list[Outcome], Path]) -> None:
    store, first, _ = day
    assert {outcome.status for outcome in first} == {"succeeded"}
    before = {name: store.version(table) for name, table in TABLES.items()}
    settings, as_of, _ = pipeline.open_environment("golden", None, [])
    assert {outcome.status for outcome in pipeline.run_all(settings, as_of, store)} == {"unchanged"}
    assert {name: store.version(table) for name, table in TABLES.items()} == before


def test_two_workers_and_two_ranks_make_the_tables_of_one_process(day: tuple[Store, list[Outcome], Path], tmp_path: Path) -> None:
    there = Store(day[0].spark, str(tmp_path / "there"))
    shutil.copytree(str(day[0].root), there.root)
    for made in ("silver/interactions", "ops/snapshots", "snapshots", "gold/training_epochs", "models", "ops/job_runs"):
        shutil.rmtree(tmp_path / "there" / made)
    with cluster.cluster(tmp_path / "cluster", memory="1g") as started:
        conf = cluster.driver_conf(tmp_path / "cluster") | {"spark.executor.memory": "700m", "spark.driver.memory": "700m"}
        jobs = ("build_interactions", "build_snapshot", "train_deep")
        cluster.submit_all(started, jobs, ["--env", "golden", "--set", f"store.root={there.root}"], conf)
    assert all(process.poll() is not None for process in started.processes.values())
    assert any((tmp_path / "cluster" / "events").iterdir())
    found = differences(day[0], there, (INTERACTIONS.name, SNAPSHOTS.name, TRAINING_EPOCHS.name))
    assert [(one.table, one.is_equal) for one in found] == [(t.name, True) for t in (INTERACTIONS, TRAINING_EPOCHS, SNAPSHOTS)], found
    assert there.read(TRAINING_EPOCHS).where("ranks = 2").count() == 2


def submit(job: str, conf: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["spark-submit", str(PROJECT / "jobs" / f"{job}.py"), "--env", "golden", "--as-of", golden.DAY, *arguments]
    environment = os.environ | {CONF_VARIABLE: str(conf), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=240, cwd=conf)


def test_a_dry_run_writes_nothing_and_a_job_runs_by_spark_submit(
    day: tuple[Store, list[Outcome], Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store, _, conf = day
    before = store.version(CAMPAIGN_KPIS)
    monkeypatch.setenv(CONF_VARIABLE, str(conf))
    (job,) = pipeline.choose("campaign_kpis")
    with pytest.raises(SystemExit, match="0"):
        job.main(["--env", "golden", "--as-of", golden.DAY, "--set", "campaigns.margin=0.5", "--dry-run"])
    planned = capsys.readouterr().out
    assert "gold.campaign_outcomes: version" in planned
    assert "replace all rows of gold.campaign_kpis" in planned
    assert store.version(CAMPAIGN_KPIS) == before
    done = submit("campaign_kpis", conf, "--set", "campaigns.margin=0.5")
    assert done.returncode == 0, done.stderr
    assert "2 rows in, 2 out" in done.stdout
    margins = {row.segment: row.gross_margin for row in store.read(CAMPAIGN_KPIS).collect()}
    assert margins["unknown"] == Decimal("2.5")  # half of 5


def test_a_wrong_setting_ends_a_submitted_job_with_its_code(day: tuple[Store, list[Outcome], Path]) -> None:
    done = submit("campaign_kpis", day[2], "--set", "campaigns.margn=0.5")
    assert done.returncode == 2
    assert "did you mean 'margin'" in done.stdout + done.stderr  # spark-submit joins a Python job's streams


def test_the_deep_model_is_published_by_the_same_road(day: tuple[Store, list[Outcome], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    store, _, conf = day
    monkeypatch.setenv(CONF_VARIABLE, str(conf))
    settings, as_of, _ = pipeline.open_environment("golden", None, ["recommend.model=mf_bpr"])
    (outcome,) = pipeline.run_all(settings, as_of, store, pipeline.choose("recommend"))
    rows = store.read(RECOMMENDATIONS).collect()
    assert (outcome.rows_out, {(row.model, row.stage) for row in rows}) == (6 * 3, {("mf_bpr", "model")})


def test_the_gate_writes_a_verdict_on_every_model_and_what_it_promotes_is_served(
    day: tuple[Store, list[Outcome], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of new items only u1's tea counts: one user proves a difference or an equality, whatever the gap."""
    store, _, conf = day
    verdicts = {row.model: row for row in store.read(PROMOTIONS).collect()}
    assert {"item_knn", "mf_bpr", "hybrid"} <= set(verdicts)
    promoted = [row for row in verdicts.values() if row.verdict == "promoted"]
    assert len(promoted) == 1
    assert all(row.metric == "ndcg@1 new_items" for row in verdicts.values())
    monkeypatch.setenv(CONF_VARIABLE, str(conf))
    settings, as_of, _ = pipeline.open_environment("golden", None, ["recommend.model=champion"])
    pipeline.run_all(settings, as_of, store, pipeline.choose("recommend"))
    assert {row.model for row in store.read(RECOMMENDATIONS).collect()} == {promoted[0].model}
    with pytest.raises(MissingInput, match=r"1 champion\(s\) in turn"):
        roll_back(store)


def test_a_back_test_adds_a_date_and_a_search_reads_nothing_after_it(
    day: tuple[Store, list[Outcome], Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store, _, conf = day
    monkeypatch.setenv(CONF_VARIABLE, str(conf))
    settings, as_of, _ = pipeline.open_environment(
        "golden", None, ["evaluation.days=4", "gate.k=3", "tuning.trials=2", "tuning.smallest_share=1"]
    )
    origin = as_of - dt.timedelta(days=4)  # the 6th: on that day u3 took tea and jam, new to it, and on the 7th three took everything
    experiments.backtest(settings.model_copy(update={"models": {"popularity": settings.models["popularity"]}}), [origin], store)
    measured = store.read(MODEL_METRICS).where("metric = 'recall' and k = 3 and protocol = 'new_items' and segment = 'all'").collect()
    assert {row.as_of_date for row in measured} == {origin, as_of}
    (row,) = [row for row in measured if row.as_of_date == origin]
    assert (row.n_users, row.value) == (1, 0.5)  # nobody had jam before the 6th, so of u3's two items only tea is known
    trials = experiments.tune(settings, as_of, store, "popularity")
    second = 1 / math.log2(3)  # milk, then tea, whatever the window
    assert [trial.value for trial in trials] == pytest.approx([second / (1 + second)] * 2)
    assert {trial.run_id for trial in trials} <= {row.run_id for row in store.read(MODEL_RUNS).collect()}
    assert "best: 0.3869" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="no interactions before"):
        experiments.tune(settings, origin - dt.timedelta(days=30), store, "popularity")


@pytest.mark.parametrize("path", sorted((PROJECT / "notebooks").glob("*.py")), ids=lambda path: path.stem)
def test_every_notebook_runs_as_plain_python_on_the_session_that_exists(
    day: tuple[Store, list[Outcome], Path], path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _, conf = day
    few = {"MAPPING_SPARK_USERS": "2000", "MAPPING_SPARK_JOURNEYS": "200"}  # of the made-up ones
    for name, value in {CONF_VARIABLE: str(conf), "MAPPING_SPARK_ENV": "golden", "MAPPING_SPARK_FOLDER": str(tmp_path), **few}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MPLBACKEND", "agg")
    names = runpy.run_path(str(path))
    assert names["store"] == store  # the same session, the same root
    assert names["as_of"] == dt.date.fromisoformat(golden.DAY)
