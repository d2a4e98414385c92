"""Laws of drawn negatives: in range, by the declared shares, and as if independent."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mapping_spark.errors import ConfigError
from mapping_spark.training.negatives import DrawKey, Negatives, Sampler

SEEDS = st.integers(0, 2**32 - 1)


def batch(rows: list[int], length: int = 1) -> dict[str, Tensor]:
    return {"row": torch.tensor(rows), "item_idxs": torch.zeros(len(rows), length, dtype=torch.int64)}


@settings(deadline=None)
@given(n_items=st.integers(1, 10**5), n=st.integers(1, 40), rows=st.lists(st.integers(0, 2**62), min_size=1, max_size=20), seed=SEEDS)
def test_uniform_draws_are_items(n_items: int, n: int, rows: list[int], seed: int) -> None:
    drawn = Sampler(Negatives(n=n), n_items).draw(batch(rows), DrawKey(seed, 3, 1))
    assert (drawn.dtype, tuple(drawn.shape)) == (torch.int64, (len(rows), n))
    assert 0 <= int(drawn.min()) <= int(drawn.max()) < n_items


@settings(deadline=None)
@given(counts=st.lists(st.integers(0, 3), min_size=1, max_size=30).filter(any), power=st.sampled_from([0.0, 0.5, 1.0, 2.0]), seed=SEEDS)
def test_an_item_without_a_choice_is_never_drawn(counts: list[int], power: float, seed: int) -> None:
    sampler = Sampler(Negatives("popularity", 200, "batch", power), len(counts), torch.tensor(counts))
    drawn = sampler.draw(batch([0]), DrawKey(seed, 0, 0))
    assert {counts[item] for item in drawn.tolist()} <= {1, 2, 3}
    assert bool(torch.isfinite(sampler.log_q).all())  # also of what is never drawn: a loss subtracts it


@pytest.mark.parametrize(
    ("kind", "power", "shares"),
    [
        ("uniform", 1.0, [1 / 3] * 3),
        ("popularity", 0.0, [1 / 2, 0, 1 / 2]),  # every chosen item alike
        ("popularity", 1.0, [2 / 10, 0, 8 / 10]),
        ("popularity", 2.0, [4 / 68, 0, 64 / 68]),
        ("in_batch", 1.0, [2 / 10, 0, 8 / 10]),
    ],
)
def test_log_q_is_the_log_of_each_items_share(kind: str, power: float, shares: list[float]) -> None:
    sampler = Sampler(Negatives(kind, 1, "batch", power), 3, torch.tensor([2, 0, 8]))  # type: ignore[arg-type]
    assert sampler.log_q.exp().tolist() == pytest.approx(shares, abs=1e-6)


def test_neighbours_draw_as_if_they_did_not_know_of_each_other() -> None:
    sampler = Sampler(Negatives(n=2, per="position"), 10)
    drawn = sampler.draw(batch(list(range(10_000)), length=2), DrawKey(7, 0, 0))
    later = sampler.draw(batch(list(range(10_000)), length=2), DrawKey(7, 1, 0))
    pairs = {
        "rows": (drawn[:-1], drawn[1:]),
        "positions": (drawn[:, 0], drawn[:, 1]),
        "numbers": (drawn[..., 0], drawn[..., 1]),
        "epochs": (drawn, later),
    }
    for name, (one, other) in pairs.items():  # equal in one case of ten; 6 standard deviations of a share of at least 20,000
        assert (one == other).float().mean().item() == pytest.approx(0.1, abs=6 * (0.1 * 0.9 / 20_000) ** 0.5), name
    assert torch.bincount(drawn.flatten()).tolist() == pytest.approx([4_000] * 10, abs=6 * (40_000 * 0.1 * 0.9) ** 0.5)


@settings(deadline=None)
@given(n=st.integers(1, 8), more=st.integers(1, 8), seed=SEEDS)
def test_who_draws_more_draws_the_same_first(n: int, more: int, seed: int) -> None:
    few, many = (Sampler(Negatives(n=number), 1000).draw(batch([5, 9]), DrawKey(seed, 0, 0)) for number in (n, n + more))
    assert torch.equal(many[:, :n], few)


def test_the_step_counts_for_a_batch_only_and_the_batch_for_its_items_only() -> None:
    keys = [DrawKey(7, 0, step) for step in range(3)]
    by_row, by_batch = Sampler(Negatives(n=20), 1000), Sampler(Negatives(n=20, per="batch"), 1000)
    assert len({tuple(by_row.draw(batch([4]), key)[0].tolist()) for key in keys}) == 1
    assert len({tuple(by_batch.draw(batch([4]), key).tolist()) for key in keys}) == 3
    shared = Sampler(Negatives("in_batch", 500, "batch"), 9, torch.ones(9))
    assert set(shared.draw({"row": torch.tensor([0, 1, 2]), "item_idx": torch.tensor([8, 2, 8])}, keys[0]).tolist()) == {2, 8}


@pytest.mark.parametrize(
    ("counts", "found"),
    [(None, "no counts"), ([1, 2], "2 counts that sum to 3.0"), ([0, 0, 0], "3 counts that sum to 0.0"), ([], "0 counts that sum to 0.0")],
)
@pytest.mark.parametrize("kind", ["popularity", "in_batch"])
def test_popularity_needs_a_count_per_item(kind: str, counts: list[int] | None, found: str) -> None:
    given_counts = None if counts is None else torch.tensor(counts)
    with pytest.raises(ConfigError, match=f"^negatives: {found}; expected one count per item, 3 in all. Give the module its item counts.$"):
        Sampler(Negatives(kind, 1, "batch"), 3, given_counts)  # type: ignore[arg-type]
    assert Sampler(Negatives(), 3, given_counts).log_q.exp().tolist() == pytest.approx([1 / 3] * 3)  # which needs none


@pytest.mark.parametrize(("per", "power"), [("row", 1.0), ("position", 1.0), ("batch", 0.75)])
def test_a_batchs_own_items_are_shared_as_they_are(per: str, power: float) -> None:
    with pytest.raises(ValueError, match=f"in_batch per {per}, power {power}: .* per batch and power 1"):
        Negatives("in_batch", 1, per, power)  # type: ignore[arg-type]
