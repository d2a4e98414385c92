from __future__ import annotations

import pytest
import torch
from numpy import uint64, zeros

from mapping_spark.errors import ConfigError
from mapping_spark.training.negatives import DrawKey, Negatives, Sampler, stream

KEY = DrawKey(seed=7, epoch=2, step=5)


def batch(*rows: int, length: int = 3) -> dict[str, torch.Tensor]:
    return {"row": torch.tensor(rows), "item_idxs": torch.zeros(len(rows), length, dtype=torch.int64)}


def test_the_words_are_those_of_splitmix64() -> None:
    assert stream(zeros(1, uint64), 2).tolist() == [[0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]]  # its published first words


@pytest.mark.parametrize("per", ["row", "position"])
def test_a_row_draws_the_same_in_every_batch(per: str) -> None:
    sampler = Sampler(Negatives(n=4, per=per), n_items=1000)  # type: ignore[arg-type]
    whole = sampler.draw(batch(0, 1, 2, 3), KEY)
    halves = [sampler.draw(batch(3, 1), DrawKey(7, 2, 9)), sampler.draw(batch(2, 0), DrawKey(7, 2, 1))]
    assert torch.equal(whole[torch.tensor([3, 1, 2, 0])], torch.cat(halves))
    assert whole.shape == ((4, 4) if per == "row" else (4, 3, 4))


def test_a_batch_draws_by_its_step_whatever_its_rows() -> None:
    sampler = Sampler(Negatives(n=50, per="batch"), n_items=1000)
    assert torch.equal(sampler.draw(batch(1), KEY), sampler.draw(batch(2, 3), KEY))
    assert not torch.equal(sampler.draw(batch(1), KEY), sampler.draw(batch(1), DrawKey(7, 2, 6)))


@pytest.mark.parametrize("other", [DrawKey(8, 2, 5), DrawKey(7, 3, 5), DrawKey(2, 7, 5)])
def test_another_seed_or_epoch_draws_anew(other: DrawKey) -> None:
    sampler = Sampler(Negatives(n=50), n_items=1000)
    assert not torch.equal(sampler.draw(batch(1), KEY), sampler.draw(batch(1), other))


@pytest.mark.parametrize(("kind", "power", "shares"), [("uniform", 1.0, [1 / 4] * 4), ("popularity", 0.5, [1 / 6, 2 / 6, 0, 3 / 6])])
def test_draws_follow_the_declared_shares(kind: str, power: float, shares: list[float]) -> None:
    sampler = Sampler(Negatives(kind, n=100, power=power), 4, torch.tensor([1, 4, 0, 9]))  # type: ignore[arg-type]
    drawn = torch.bincount(sampler.draw(batch(*range(1000)), KEY).flatten(), minlength=4) / 100_000
    assert drawn.tolist() == pytest.approx(shares, abs=0.008)  # 5 standard deviations of a share of 100,000 draws
    assert sampler.log_q.exp().tolist() == pytest.approx(shares)


def test_in_batch_draws_what_the_batch_holds_as_often_as_it_does() -> None:
    items = torch.tensor([[-1, 2, 2], [-1, -1, 0]])
    sampler = Sampler(Negatives("in_batch", n=9000, per="batch"), 4, torch.tensor([1, 1, 2, 0]))
    drawn = sampler.draw({"row": torch.tensor([0, 1]), "item_idxs": items}, KEY)
    assert (torch.bincount(drawn) / 9000).tolist() == pytest.approx([1 / 3, 0, 2 / 3], abs=0.025)


def test_refusals_name_the_fault() -> None:
    with pytest.raises(ValueError, match="n = 0: draw at least one"):
        Negatives(n=0)
    with pytest.raises(ConfigError, match="no counts"):
        Sampler(Negatives("popularity"), 4)
    with pytest.raises(ValueError, match="in_batch per row"):
        Negatives("in_batch")
