"""What a plan would ask of a cluster, by hand, and that it is refused over a limit with the setting to change."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from mapping_spark.errors import ConfigError
from mapping_spark.tables.frames import rows
from mapping_spark.tables.silver import INTERACTIONS, USER_IDS
from mapping_spark.tables.sizing import Input, LimitsConfig, measure, refuse_large_factors, refuse_too_large, shuffle_bytes
from mapping_spark.tables.store import Store

USERS = Input(USER_IDS, version=3, n_rows=1_000, n_bytes=5_000_000)
PAIRS = Input(INTERACTIONS, version=1, n_rows=2_000, n_bytes=1, key="user_idx", n_rows_of_key=500)


def test_a_row_is_a_word_per_column_and_one_for_nulls_and_more_for_text() -> None:
    assert USERS.row_bytes == 8 + (8 + 24) + 8  # user_id, user_idx
    assert shuffle_bytes([USERS]) == 48_000


def test_an_input_says_rows_bytes_and_its_heaviest_key() -> None:
    assert str(USERS) == "version 3, 1,000 rows, 5.0 MB"
    assert str(PAIRS).endswith("; heaviest user_idx: 25.00% of them")


def test_within_the_limits_nothing_is_refused() -> None:
    refuse_too_large("fold", [USERS, PAIRS], LimitsConfig())
    refuse_too_large("start", [], LimitsConfig())
    refuse_large_factors("als", 16_000_000_000, LimitsConfig())


def test_a_plan_over_a_limit_names_number_and_setting() -> None:
    with pytest.raises(ConfigError, match=r"job fold: about 4.8e-05 GB to shuffle; expected at most limits.shuffle_gb = 1e-06"):
        refuse_too_large("fold", [USERS], LimitsConfig(shuffle_gb=1e-6))
    with pytest.raises(ConfigError, match=r"500 rows of silver.interactions with one user_idx; expected at most limits.rows_per_key = 499"):
        refuse_too_large("fold", [USERS, PAIRS], LimitsConfig(rows_per_key=499))
    with pytest.raises(ConfigError, match=r"models.als: factors of 2 GB; expected at most limits.factors_gb = 1. Lower models.als.rank"):
        refuse_large_factors("als", 2_000_000_000, LimitsConfig(factors_gb=1))


def test_a_table_is_measured_at_its_version(spark: SparkSession, tmp_path: Path) -> None:
    store = Store(spark, str(tmp_path))
    store.create(INTERACTIONS)
    pairs = [dict(user_idx=user, item_idx=item, n_events=1, weight=1.0) for user, item in ((1, 0), (1, 1), (2, 0), (3, 0))]
    store.append_once(INTERACTIONS, rows(spark, INTERACTIONS, *pairs), writer="t", sequence=1)
    version = store.version(INTERACTIONS)
    assert version is not None
    assert [store.count_of_heaviest(INTERACTIONS, version, key) for key in ("user_idx", "item_idx")] == [2, 3]  # user 1, item 0
    found = measure(store, INTERACTIONS, version)
    assert (found.n_rows, found.key) == (4, "")  # of so few rows no key is heavy
    assert found.n_bytes > 0
