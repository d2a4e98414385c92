"""Scores and losses of mf_bpr and ncf on three users and three items, by hand."""

from __future__ import annotations

from math import exp, log
from typing import Any

import pytest
import torch
from torch import Tensor

from mapping_spark.models.mf_bpr import MfBpr, MfBprConfig, MfBprModule
from mapping_spark.models.ncf import Ncf, NcfConfig, NcfModule
from mapping_spark.training.negatives import Negatives
from mapping_spark.training.trainable import Sizes

SIZES = Sizes(n_users=3, n_items=3, item_counts=torch.ones(3))
USERS, ITEMS, BIAS = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [[1.0, 2.0], [0.0, 1.0], [-1.0, 1.0]], [[0.5], [0.0], [-0.5]]
SCORES = [[1.5, 0.0, -1.5], [2.5, 1.0, 0.5], [3.5, 1.0, -0.5]]
"""User by item: inner product and bias."""
EACH = torch.arange(3)
BATCH = {"user_idx": EACH, "item_idx": EACH, "weight": torch.tensor([1.0, 2.0, 3.0])}
"""User n chose item n."""
OWN, SHARED = torch.tensor([[1], [0], [2]]), torch.tensor([1])
"""Drawn: users 0 and 1 each the other's item and user 2 what it chose; or item 1 for all, which user 1 chose."""


def s(x: float) -> float:
    return 1 / (1 + exp(-x))


def mf(loss: str = "bpr", **settings: Any) -> tuple[MfBpr, MfBprModule]:
    model = MfBpr(MfBprConfig.model_validate({"dimension": 2, "loss": loss} | settings), seed=7)
    module = model.module(SIZES)
    module.load_state_dict(
        {name: torch.tensor(rows) for name, rows in tables(USERS, ITEMS).items()} | {"item_bias.weight": torch.tensor(BIAS)}
    )
    return model, module


def tables(users: list[list[float]], items: list[list[float]]) -> dict[str, list[list[float]]]:
    return {"users.weight": users, "items.weight": items}


def test_a_score_is_the_inner_product_and_the_items_bias() -> None:
    model, module = mf()
    scores = model.user_vectors(module, {"user_idx": EACH}) @ model.item_vectors(module).T
    assert scores.tolist() == SCORES


@pytest.mark.parametrize(
    ("loss", "drawn", "total", "terms"),
    [
        ("bpr", OWN, -log(s(1.5 - 0)) - log(s(1 - 2.5)), 2),  # user 2 drew what it chose: no pair
        ("bpr", SHARED, -log(s(1.5 - 0)) - log(s(-0.5 - 1)), 2),
        ("info_nce", OWN, log(exp(1.5) + exp(0)) - 1.5 + log(exp(1) + exp(2.5)) - 1, 3),  # alone with itself, user 2 costs nothing
        ("info_nce", SHARED, log(exp(1.5) + exp(0)) - 1.5 + log(exp(-0.5) + exp(1)) + 0.5, 3),
        ("mse", OWN, (1.5 - 1) ** 2 + (1 - 2) ** 2 + (-0.5 - 3) ** 2 + 0**2 + 2.5**2, 3 + 2),
        ("mse", SHARED, (1.5 - 1) ** 2 + (1 - 2) ** 2 + (-0.5 - 3) ** 2 + 0**2 + 1**2, 3 + 2),
    ],
)
def test_each_loss_of_a_batch(loss: str, drawn: Tensor, total: float, terms: int) -> None:
    per = "row" if drawn is OWN else "batch"
    found, n_terms = mf(loss, negatives=Negatives("uniform", 1, per))[1].loss(BATCH | {"negatives": drawn})  # type: ignore[arg-type]
    assert found.item() == pytest.approx(total)
    assert n_terms == terms


def test_a_step_moves_user_items_and_biases_as_the_paper_says() -> None:
    """d -ln s(x) = -(1 - s(x)) dx with x the difference of two scores (Rendle et al. 2009, section 5.1); user 0 chose 0 over 2."""
    module = mf()[1]
    module.loss({"user_idx": EACH[:1], "item_idx": EACH[:1], "negatives": torch.tensor([[2]])})[0].backward()  # type: ignore[no-untyped-call]
    pull = -(1 - s(1.5 + 1.5))
    gradients = {name: weight.grad.tolist() for name, weight in module.named_parameters() if weight.grad is not None}
    assert gradients["users.weight"][0] == pytest.approx([pull * (1 - -1), pull * (2 - 1)])  # item 0 less item 2
    assert gradients["items.weight"][0] == pytest.approx([pull * 1, pull * 0])
    assert gradients["items.weight"][2] == pytest.approx([-pull * 1, 0])
    assert [bias for (bias,) in gradients["item_bias.weight"]] == pytest.approx([pull, 0, -pull])
    assert [gradients["users.weight"][user] for user in (1, 2)] == [[0, 0], [0, 0]]


HEAD, HEAD_BIAS = [0.5, -1.0, 2.0], 0.25
"""Weight of the product of each factor, then of the one hidden number."""
FROM_USER, FROM_ITEM, HIDDEN_BIAS = [1.0, -1.0], [2.0, 0.5], -1.0


def neumf(**settings: Any) -> tuple[Ncf, NcfModule]:
    """Factors of the product: USERS and ITEMS; embeddings under the network: the same, each vector the other way round."""
    model = Ncf(NcfConfig.model_validate({"factors": 2, "embedding": 2, "layers": (1,)} | settings), seed=7)
    module, config = model.module(SIZES), model.config
    both = [[row[: config.factors] + (row[::-1] if config.layers else []) for row in table] for table in (USERS, ITEMS)]
    head = HEAD[2 - config.factors :] if config.layers else HEAD[:2]
    state = tables(*both) | {"head.weight": [head], "head.bias": [HEAD_BIAS]}
    if config.layers:
        state |= {"from_user.weight": [FROM_USER], "from_user.bias": [HIDDEN_BIAS], "from_item.weight": [FROM_ITEM]}
    module.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
    return model, module


def by_hand(user: int, item: int, *, product: bool = True, network: bool = True) -> float:
    """head . (user * item, relu(W (user, item) + b)) + bias: He et al. 2017, equations 8 to 12."""
    gmf = sum(weight * a * b for weight, a, b in zip(HEAD, USERS[user], ITEMS[item], strict=False))
    halves = (FROM_USER, USERS[user][::-1]), (FROM_ITEM, ITEMS[item][::-1])
    hidden = max(0.0, HIDDEN_BIAS + sum(weight * x for weights, vector in halves for weight, x in zip(weights, vector, strict=True)))
    return HEAD_BIAS + product * gmf + network * HEAD[2] * hidden


@pytest.mark.parametrize(
    ("settings", "parts"),
    [({}, {}), ({"layers": ()}, {"network": False}), ({"factors": 0}, {"product": False})],
    ids=["both", "product", "network"],
)
def test_ncf_scores_are_the_papers(settings: dict[str, Any], parts: dict[str, bool]) -> None:
    model, module = neumf(**settings)
    pairs = torch.cartesian_prod(EACH, EACH)
    expected = [by_hand(user, item, **parts) for user in range(3) for item in range(3)]
    assert model.scores(module, pairs[:, 0], pairs[:, 1]).tolist() == pytest.approx(expected)
    assert len(set(expected)) > 5


def test_ncf_losses_by_hand() -> None:
    """Users 0 and 1 drew each other's item, user 2 what it chose."""
    chosen, drawn = [by_hand(n, n) for n in range(3)], [by_hand(0, 1), by_hand(1, 0)]
    total, terms = neumf()[1].loss(BATCH | {"negatives": OWN})
    assert total.item() == pytest.approx(-sum(log(s(x)) for x in chosen) - sum(log(1 - s(x)) for x in drawn))
    assert terms == 3 + 2
    total, terms = neumf(loss="mse")[1].loss(BATCH | {"negatives": OWN})
    assert total.item() == pytest.approx(
        sum((x - weight) ** 2 for x, weight in zip(chosen, (1, 2, 3), strict=True)) + sum(x**2 for x in drawn)
    )
    assert terms == 3 + 2


def test_dropout_is_of_training_alone() -> None:
    model, module = mf(dropout=0.5)
    assert (model.user_vectors(module.eval(), {"user_idx": EACH}) @ model.item_vectors(module).T).tolist() == SCORES
    batch = BATCH | {"negatives": OWN}
    assert module.loss(batch)[0].item() == pytest.approx(mf()[1].loss(batch)[0].item())
    torch.manual_seed(1)
    assert len({module.train().loss(batch)[0].item() for _ in range(8)}) > 1
