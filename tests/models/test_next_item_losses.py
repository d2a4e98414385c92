"""Which score each loss of a sequence model reads, by hand; and a SASRec state computed item by item without torch."""

from __future__ import annotations

from math import erf, exp, log, sqrt
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from mapping_spark.models.lstm import Lstm, LstmConfig
from mapping_spark.models.next_item import NextItemConfig, NextItemModule, Packed
from mapping_spark.models.sasrec import SasRec, SasRecConfig, SasRecModule
from mapping_spark.training.negatives import Negatives
from mapping_spark.training.trainable import Sizes

SIZES = Sizes(n_users=1, n_items=3, length=3, item_counts=torch.tensor([4, 3, 1]))
ITEMS, BIAS = [[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]], [0.5, 0.0, -0.5]
SCORES = [[1.5, 1.0, -0.5], [1.5, 2.0, 1.5], [0.5, 2.0, 3.5]]
"""Of the next item (column) after an item (row), where the state after an item is its own vector."""
HISTORY = {"item_idxs": torch.tensor([[-1, 0, 1], [1, 2, 0]])}
"""Predicted: 1 after 0, then 2 after 1, then 0 after 2."""
CHOSEN = [(0, 1), (1, 2), (2, 0)]
Matrix = NDArray[np.float64]


class Echo(NextItemModule):
    """The state after each item is the item's vector."""

    def states(self, history: Packed) -> Tensor:
        return self.items(history.item_T)  # type: ignore[no-any-return]


def echo(loss: str, **more: Any) -> Echo:
    module = Echo(NextItemConfig.model_validate({"dimension": 2, "loss": loss} | more), SIZES)
    module.load_state_dict({"items.weight": torch.tensor(ITEMS), "item_bias": torch.tensor(BIAS)})
    return module


def s(x: float) -> float:
    return 1 / (1 + exp(-x))


def test_softmax_compares_with_every_item() -> None:
    total, terms = echo("softmax").loss(HISTORY)
    assert total.item() == pytest.approx(sum(log(sum(map(exp, SCORES[before]))) - SCORES[before][after] for before, after in CHOSEN))
    assert terms == 3


@pytest.mark.parametrize(
    ("loss", "of_case", "terms"),
    [
        ("bce", lambda p, n: -log(s(p)) - sum(log(1 - s(x)) for x in n), 3 + 4),
        ("bpr", lambda p, n: -sum(log(s(p - x)) for x in n), 4),
        ("info_nce", lambda p, n: log(exp(p) + sum(map(exp, n))) - p, 3),
        # power a (t (1 - 1/a) + 1/a) of the positive, a = 2 drawn / 2 others: 1, whatever the calibration
        ("gbce", lambda p, n: (-log(s(p)) - sum(log(1 - s(x)) for x in n)) / (2 + 1), 3),
        # uniform draws: each stands for 3 items, of which 2 were drawn
        ("sampled_softmax", lambda p, n: log(exp(p) + sum(exp(x) / (2 / 3) for x in n)) - p, 3),
    ],
)
def test_each_sampled_loss_leaves_out_what_was_chosen(loss: str, of_case: Any, terms: int) -> None:
    """Items 0 and 1 are drawn for all: after 0 the chosen 1 is left out, after 2 the chosen 0."""
    module = echo(loss, negatives=Negatives("uniform", 2, "batch"))
    total, n_terms = module.loss(HISTORY | {"negatives": torch.tensor([0, 1])})
    cases = [(SCORES[before][after], [SCORES[before][drawn] for drawn in (0, 1) if drawn != after]) for before, after in CHOSEN]
    assert total.item() == pytest.approx(sum(of_case(*case) for case in cases))
    assert n_terms == terms


def test_sampled_softmax_corrects_by_how_often_each_item_is_drawn() -> None:
    """Items were chosen 4, 3 and 1 times of 8."""
    module = echo("sampled_softmax", negatives=Negatives("popularity", 1, "row"))
    total, terms = module.loss({"item_idxs": torch.tensor([[1, 2, 0]]), "negatives": torch.tensor([[1]])})
    cases = [(SCORES[1][2], SCORES[1][1]), (SCORES[2][0], SCORES[2][1])]
    assert total.item() == pytest.approx(sum(log(exp(p) + exp(n) / (1 * 3 / 8)) - p for p, n in cases))
    assert terms == 2


def test_each_position_reads_its_own_draw() -> None:
    """Negatives stand where the item that is predicted does; the first place of each row predicts nothing."""
    module = echo("bpr", negatives=Negatives("uniform", 1, "position"))
    drawn = torch.tensor([[[1], [1], [2]], [[1], [0], [1]]])
    total, terms = module.loss(HISTORY | {"negatives": drawn})
    pairs = [(SCORES[0][1], SCORES[0][2]), (SCORES[1][2], SCORES[1][0]), (SCORES[2][0], SCORES[2][1])]
    assert total.item() == pytest.approx(-sum(log(s(p - n)) for p, n in pairs))
    assert terms == 3


def weights(module: nn.Module) -> dict[str, Matrix]:
    return {name: weight.detach().double().numpy() for name, weight in module.state_dict().items()}


def normed(x: Matrix, of: dict[str, Matrix], name: str) -> Matrix:
    """Layer normalisation: Ba et al. 2016, with PyTorch's epsilon of 1e-5."""
    unit: Matrix = (x - x.mean()) / sqrt(x.var() + 1e-5)
    return unit * of[f"{name}.weight"] + of[f"{name}.bias"]


def linear(x: Matrix, of: dict[str, Matrix], name: str) -> Matrix:
    result: Matrix = of[f"{name}.weight"] @ x + of[f"{name}.bias"]
    return result


def gelu(x: Matrix) -> Matrix:
    return np.array([value * (1 + erf(value / sqrt(2))) / 2 for value in x])


def last_state(module: SasRecModule, items: list[int]) -> Matrix:
    """After the newest item: Kang and McAuley 2018, section 3, with pre-norm blocks; each item reads itself and the earlier ones."""
    of, config = weights(module), module.config
    D, width = config.dimension, config.dimension // config.heads  # type: ignore[attr-defined]
    states = [of["items.weight"][item] * sqrt(D) + of["positions.weight"][len(items) - 1 - at] for at, item in enumerate(items)]
    for block in (f"blocks.{n}" for n in range(config.blocks)):  # type: ignore[attr-defined]
        queries, keys, values = zip(
            *(np.split(linear(normed(x, of, f"{block}.attention_norm"), of, f"{block}.query_key_value"), 3) for x in states), strict=True
        )
        after = []
        for at, x in enumerate(states):
            read = np.zeros(D)
            for head in (slice(start, start + width) for start in range(0, D, width)):
                likeness = np.array([exp(queries[at][head] @ key[head] / sqrt(width)) for key in keys[: at + 1]])
                read[head] = likeness / likeness.sum() @ np.stack([value[head] for value in values[: at + 1]])
            after.append(x + linear(read, of, f"{block}.out"))
        states = [x + linear(gelu(linear(normed(x, of, f"{block}.norm"), of, f"{block}.wide")), of, f"{block}.narrow") for x in after]
    return normed(states[-1], of, "norm")


@settings(max_examples=20, deadline=None)
@given(
    items=st.lists(st.integers(0, 4), min_size=1, max_size=6),
    heads=st.sampled_from([1, 2, 4]),
    blocks=st.integers(1, 2),
    seed=st.integers(0, 2**20),
)
def test_a_profile_is_what_the_paper_computes(items: list[int], heads: int, blocks: int, seed: int) -> None:
    sizes = Sizes(n_users=1, n_items=5, length=6)
    module = SasRec(SasRecConfig(dimension=4, heads=heads, blocks=blocks, expansion=2), seed).module(sizes).eval()
    with torch.no_grad():
        for weight in module.parameters():
            weight.normal_(std=0.5)
        other = torch.tensor([-1] * (6 - len(items)) + items)
        found = module.last_states(torch.stack([other, torch.arange(6) % 5]))[0]
    assert found.tolist() == pytest.approx(last_state(module, items).tolist(), abs=1e-4)


def test_a_gru_reads_scaled_items_oldest_first() -> None:
    """h' = (1 - z) n + z h with the gates of Cho et al. 2014, n with its reset after the product, as PyTorch has it; one number wide."""
    module = Lstm(LstmConfig(dimension=1, hidden=1, dropout=0), seed=7).module(Sizes(n_users=1, n_items=3, length=3))
    of, h = {name: weight.ravel() for name, weight in weights(module).items()}, 0.0
    for item in (2, 0):
        x = of["items.weight"][item] * 1
        (ir, iz, i_n), (hr, hz, hn) = (
            of[f"cells.weight_{kind}_l0"] * value + of[f"cells.bias_{kind}_l0"] for kind, value in (("ih", x), ("hh", h))
        )
        z = s(iz + hz)
        h = (1 - z) * np.tanh(i_n + s(ir + hr) * hn) + z * h
    found = module.last_states(torch.tensor([[-1, 2, 0]]))[0, 0].item()
    assert found == pytest.approx(of["out.weight"][0] * h + of["out.bias"][0], abs=1e-6)
