"""Each loss equals its formula, written out."""

from __future__ import annotations

from math import exp, inf, log

import pytest
import torch

from mapping_spark.training import losses

P = torch.tensor([1.0, -2.0])
N = torch.tensor([[0.5, 3.0], [-1.0, -inf]])  # the second case has one negative: the other was a hit


def s(x: float) -> float:
    return 1 / (1 + exp(-x))


def test_without_hits() -> None:
    scores, chosen = torch.tensor([[5.0, 6.0], [7.0, 8.0]]), torch.tensor([3, 4])
    assert losses.without_hits(scores, torch.tensor([4, 9]), chosen).tolist() == [[5, 6], [-inf, 8]]
    assert losses.without_hits(scores, torch.tensor([[3, 9], [3, 4]]), chosen).tolist() == [[-inf, 6], [7, -inf]]


def test_bce() -> None:
    total, terms = losses.bce(P, N)
    assert total.item() == pytest.approx(-(log(s(1)) + log(1 - s(0.5)) + log(1 - s(3)) + log(s(-2)) + log(1 - s(-1))))
    assert terms == 5


def test_bpr() -> None:
    total, terms = losses.bpr(P, N)
    assert total.item() == pytest.approx(-(log(s(1 - 0.5)) + log(s(1 - 3)) + log(s(-2 - -1))))
    assert terms == 3


def test_info_nce() -> None:
    total, terms = losses.info_nce(P, N)
    assert total.item() == pytest.approx(log(exp(1) + exp(0.5) + exp(3)) - 1 + log(exp(-2) + exp(-1)) + 2)
    assert terms == 2


def test_gbce() -> None:
    total, terms = losses.gbce(P[:1], N[:1], n_items=5, calibration=0.75)
    a = 2 / 4
    b = a * (0.75 * (1 - 1 / a) + 1 / a)
    assert total.item() == pytest.approx(-(b * log(s(1)) + log(1 - s(0.5)) + log(1 - s(3))) / 3)
    assert terms == 1


def test_gbce_without_calibration_is_bce() -> None:
    assert (3 * losses.gbce(P, N, n_items=5, calibration=0.0)[0]).item() == pytest.approx(losses.bce(P, N)[0].item())


def test_sampled_softmax() -> None:
    total, terms = losses.sampled_softmax(P[:1], N[:1], torch.tensor([log(0.1), log(0.4)]))
    assert total.item() == pytest.approx(log(exp(1) + exp(0.5) / (2 * 0.1) + exp(3) / (2 * 0.4)) - 1)
    assert terms == 1


def test_sampled_softmax_of_every_item_once_is_softmax() -> None:
    scores = torch.tensor([[0.3, -1.0, 2.0, 0.7]])
    chosen, drawn = torch.tensor([2]), torch.arange(4)
    sampled = losses.sampled_softmax(scores[:, 2], losses.without_hits(scores, drawn, chosen), torch.full((4,), -log(4)))
    assert sampled[0].item() == pytest.approx(losses.softmax(scores, chosen)[0].item())


def test_softmax() -> None:
    assert losses.softmax(torch.tensor([[1.0, 3.0]]), torch.tensor([0]))[0].item() == pytest.approx(log(exp(1) + exp(3)) - 1)


def test_mse() -> None:
    total, terms = losses.mse(P, N, torch.tensor([5.0, 0.0]))
    assert total.item() == pytest.approx((1 - 5) ** 2 + 0.5**2 + 3**2 + 2**2 + 1**2)
    assert terms == 5


@pytest.mark.parametrize("loss", [losses.bce, losses.bpr])
def test_a_hit_moves_no_weight(loss: object) -> None:
    scores = torch.zeros(1, 2, requires_grad=True)
    loss(scores[:, 0], losses.without_hits(scores[:, 1:], torch.tensor([[7]]), torch.tensor([7])))[0].backward()  # type: ignore[operator]
    assert scores.grad is not None
    assert scores.grad[0, 1] == 0
