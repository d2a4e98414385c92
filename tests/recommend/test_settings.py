"""What the settings of recommending refuse, and how many blocks a search is cut into."""

from __future__ import annotations

from math import ceil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_spark.config import validated
from mapping_spark.errors import ConfigError
from mapping_spark.recommend.settings import BlockConfig, Grid, RecommendConfig

SIZES = st.integers(1, 5_000)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"k": 0}, "k = 0: Input should be greater than or equal to 1"),
        ({"k": 1_001}, "k = 1001: Input should be less than or equal to 1000"),
        ({"similar_k": 0}, "similar_k = 0"),
        ({"popular_days": 0}, "popular_days = 0"),
        ({"popular_depth": 0}, "popular_depth = 0"),
        ({"min_users_shown": 0}, "min_users_shown = 0"),
        ({"time_zone": "EST5EDTX"}, "time_zone = 'EST5EDTX': no IANA time zone; use a name such as America/New_York"),
        ({"time_zone": ""}, "no IANA time zone"),
        ({"verb": ""}, "verb = ''"),
        ({"verb_past": ""}, "verb_past = ''"),
        ({"blocks": {"query_rows": 0}}, "blocks.query_rows = 0"),
        ({"blocks": {"min_cell": 4}}, "blocks.min_cell is unknown (did you mean 'min_cells'?)"),
        ({"exclude_sen": True}, "exclude_sen is unknown (did you mean 'exclude_seen'?)"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_key(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as fault:
        validated(RecommendConfig, settings, "recommend")
    assert told in str(fault.value)


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(ConfigError, match="recommend: k = 0: .*; verb = '': .*Mend every key named here"):
        validated(RecommendConfig, {"k": 0, "verb": ""}, "recommend")


@settings(deadline=None)
@given(n_queries=SIZES, n_targets=SIZES, query_rows=SIZES, target_rows=SIZES, min_cells=st.integers(1, 64))
def test_blocks_are_small_enough_and_cells_enough(
    n_queries: int, n_targets: int, query_rows: int, target_rows: int, min_cells: int
) -> None:
    grid = BlockConfig(query_rows=query_rows, target_rows=target_rows, min_cells=min_cells).grid(n_queries, n_targets)
    assert ceil(n_queries / grid.query_blocks) <= query_rows
    assert ceil(n_targets / grid.target_blocks) <= target_rows
    assert grid.query_blocks <= n_queries
    assert grid.query_blocks == n_queries or grid.query_blocks * grid.target_blocks >= min_cells


def test_as_many_rows_as_a_block_may_have_are_one_block() -> None:
    blocks = BlockConfig(query_rows=100, target_rows=50, min_cells=1)
    assert blocks.grid(100, 50) == Grid(1, 1)
    assert blocks.grid(101, 51) == Grid(2, 2)
