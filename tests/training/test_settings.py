"""What a training may be told, and what its checkpoints have to agree on."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_spark.config import validated
from mapping_spark.errors import ConfigError
from mapping_spark.training.settings import TrainingConfig

SAME_COURSE: dict[str, object] = {
    "epochs": 21,
    "accumulation": 2,
    "checkpoint_steps": 5,
    "keep_checkpoints": 1,
    "reader_threads": 1,
    "tensorboard": True,
    "answer_seconds": 30,
    "memory_gb": 8.0,
}
ANOTHER_COURSE: dict[str, object] = {
    "seed": 8,
    "batch_size": 512,
    "optimizer": "sgd",
    "learning_rate": 0.01,
    "weight_decay": 0.1,
    "warmup_steps": 1,
    "schedule": "cosine",
    "clip_norm": 1.0,
    "precision": "bf16",
    "patience": 2,
    "pool_rows": 10,
    "shards": 4,
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ranks", 0),
        ("seed", -1),  # numpy draws no order from a negative seed
        ("seed", 2**32),  # torch takes 64 bits, which hold the seed beside step and rank
        ("epochs", 0),
        ("batch_size", 0),
        ("accumulation", 0),
        ("optimizer", "lamb"),
        ("learning_rate", 0),
        ("weight_decay", -0.1),
        ("warmup_steps", -1),
        ("schedule", "linear"),
        ("clip_norm", 0),
        ("precision", "fp16"),
        ("patience", 0),
        ("checkpoint_steps", 0),
        ("keep_checkpoints", 0),
        ("pool_rows", 0),
        ("shards", 0),
        ("reader_threads", 0),
        ("answer_seconds", 1),
        ("answer_seconds", 51),
        ("memory_gb", 0),
    ],
)
def test_a_value_out_of_its_range_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=rf"^training: {name} = {value!r}: "):
        validated(TrainingConfig, {name: value}, "training")


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as fault:
        validated(TrainingConfig, {"epoch": 3, "ranks": 0, "learning_rate": "fast"}, "training")
    assert fault.value.found.count(";") == 2
    assert "epoch is unknown (did you mean 'epochs'?)" in fault.value.found


@settings(deadline=None)
@given(ranks=st.integers(1, 4), per_rank=st.integers(1, 3), accumulation=st.integers(1, 3), batch_size=st.integers(1, 80))
def test_a_batch_can_be_dealt_or_a_size_that_can_is_named(ranks: int, per_rank: int, accumulation: int, batch_size: int) -> None:
    raw = {"ranks": ranks, "shards": ranks * per_rank, "accumulation": accumulation, "batch_size": batch_size}
    if batch_size % (ranks * per_rank * accumulation) == 0:
        assert TrainingConfig.model_validate(raw).streams == ranks * per_rank
        return
    with pytest.raises(ConfigError, match=r"use \d+") as fault:
        validated(TrainingConfig, raw, "training")
    named = int(re.findall(r"use (\d+)", str(fault.value))[0])
    assert TrainingConfig.model_validate(raw | {"batch_size": named}).batch_size == named
    assert named <= max(batch_size, ranks * per_rank * accumulation)  # no larger than asked for, where that can be


def test_every_setting_is_known_to_change_the_course_or_not() -> None:
    assert {*SAME_COURSE, *ANOTHER_COURSE, "ranks"} == set(TrainingConfig.model_fields)
    plain = TrainingConfig().identity
    assert [name for name, value in SAME_COURSE.items() if TrainingConfig.model_validate({name: value}).identity != plain] == []
    assert [name for name, value in ANOTHER_COURSE.items() if TrainingConfig.model_validate({name: value}).identity == plain] == []


def test_the_number_of_ranks_matters_by_the_streams_only() -> None:
    assert TrainingConfig(ranks=4).identity != TrainingConfig(ranks=2).identity
    assert TrainingConfig(ranks=4, shards=4).identity == TrainingConfig(ranks=2, shards=4).identity == TrainingConfig(ranks=4).identity


def test_a_cosine_is_stretched_over_the_epochs_so_more_of_them_are_another_course() -> None:
    three, six = (TrainingConfig(schedule="cosine", epochs=epochs).identity for epochs in (3, 6))
    assert (three["epochs"], six["epochs"]) == (3, 6)
