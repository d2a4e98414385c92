"""From a frame of choices to lists, metrics and a picture: ids in, ids out, the same from Spark and pandas."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from mapping_spark.errors import ConfigError, ContractError
from mapping_spark.features.interactions import InteractionsConfig
from mapping_spark.prompt import History
from mapping_spark.training.settings import TrainingConfig

DOCS = Path(__file__).resolve().parent.parent / "docs" / "notebooks.md"
EVEN, ODD = ("milk", "bread", "tea"), ("nails", "screws", "glue")


def orders(**columns: object) -> pd.DataFrame:
    """Even users take food, odd ones hardware, two days before the date; u0 takes its tea after it."""
    chosen = [(f"u{n}", item, "2017-11-29T12:00:00Z") for n in range(9) for item in (ODD if n % 2 else EVEN)]
    later = {("u0", "tea"): "2017-12-02T12:00:00Z"}
    rows = [(user, item, later.get((user, item), at)) for user, item, at in chosen]
    return pd.DataFrame(rows, columns=["user_id", "item_id", "event_at"]).assign(**columns)


@pytest.fixture(scope="module")
def history(spark: SparkSession) -> History:
    return History.of(orders(), "2017-12-01", config=InteractionsConfig(half_life_days=None))


def listed(frame: DataFrame) -> list[tuple[object, ...]]:
    return [tuple(row) for row in frame.drop("score").collect()]


def test_the_documented_lines_run(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"orders": orders()}
    exec(block, names)  # noqa: S102
    assert (tmp_path / "ndcg.png").read_bytes().startswith(b"\x89PNG")
    table = names["judged"].table()
    # only u0's tea counts, new to it: first for its taste; the crowd has milk and bread before it (5 users to 4), hardware has 4
    assert table.loc["als", "new_items"] == "1.0000 [1.0000, 1.0000]"
    assert repr(names["history"]) == "History before 2017-12-01: 26 pairs of 9 users and 6 items"
    assert repr(names["taste"]).startswith("als(rank=16) fitted in ")
    assert "als" in repr(names["judged"])


def test_a_spark_frame_gives_the_same_as_a_pandas_frame(spark: SparkSession, history: History) -> None:
    again = History.of(spark.createDataFrame(orders()), history.data.as_of)
    found = [listed(each.fit("popularity").recommend(["u1", "u0"], k=2)) for each in (history, again)]
    assert found[0] == found[1]
    assert [row[:2] for row in found[0]] == [("u0", 1), ("u0", 2), ("u1", 1), ("u1", 2)]
    assert {row[2] for row in found[0]} == {"milk", "bread"}  # 5 users each


def test_an_event_weighs_as_much_as_its_column_says(spark: SparkSession) -> None:
    heavy = History.of(orders(weight=2.5), "2017-12-01", config=InteractionsConfig(half_life_days=None))
    assert {row.weight for row in heavy.data.interactions.select("weight").collect()} == {2.5}


def test_a_fusion_is_fitted_from_its_members_and_judged_beside_them(history: History) -> None:
    habit, crowd = history.fit("repeat"), history.fit("popularity")
    both = history.fit("hybrid", habit, crowd, weights={"repeat": [3], "popularity": [1]}, history_from=[0])
    assert {row[2] for row in listed(both.recommend(["u1"], k=3))} == set(ODD)  # its own items first
    assert set(history.evaluate(both, ks=(3,)).metrics["model"]) == {"hybrid", "repeat", "popularity"}
    with pytest.raises(ConfigError, match="two models called repeat"):
        history.evaluate(habit, history.fit("repeat", popularity_power=0))
    other = history.fit("repeat", popularity_power=0).called("repeat_plain")
    assert listed(other.recommend(["u1"], k=1))[0][0] == "u1"


def test_a_deep_model_is_trained_from_the_same_history(history: History, tmp_path: Path) -> None:
    training = TrainingConfig(ranks=1, epochs=2, batch_size=4)
    deep = history.train("mf_bpr", str(tmp_path), training, dimension=4)
    assert [row["epoch"] for row in deep.epochs] == [0, 1]
    assert len(listed(deep.recommend(["u3"], k=6))) == 6
    again = history.train("mf_bpr", str(tmp_path), training, dimension=4)  # the weights are there
    assert listed(again.recommend(["u3"], k=6)) == listed(deep.recommend(["u3"], k=6))
    assert again.epochs == deep.epochs


def test_faults_name_what_to_do(history: History) -> None:
    with pytest.raises(ContractError, match=r"without \['event_at'\]"):
        History.of(orders().drop(columns="event_at"), "2017-12-01")
    with pytest.raises(ConfigError, match="YYYY-MM-DD"):
        History.of(orders(), "December")
    with pytest.raises(ConfigError, match="did you mean 'als'"):
        history.fit("alz")
    with pytest.raises(ConfigError, match=r"train\('mf_bpr', folder\)"):
        history.fit("mf_bpr")
    with pytest.raises(ConfigError, match=r"fit\('als'\)"):
        history.train("als", "nowhere")
