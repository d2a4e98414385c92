"""The models of pairs: mf_bpr and ncf."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from mapping_spark.models.mf_bpr import MfBpr, MfBprConfig
from mapping_spark.models.ncf import Ncf, NcfConfig
from mapping_spark.training.negatives import DrawKey, Negatives
from mapping_spark.training.trainable import Sizes

from .checkerboard import ITEMS, PAIRS, USERS

PAIR = torch.tensor(PAIRS)
SIZES = Sizes(n_users=50, n_items=len(ITEMS), item_counts=PAIR[:, 1].bincount())
N_CHOSEN = Counter(user for user, _ in PAIRS)


def trained(module: nn.Module, epochs: int) -> nn.Module:
    """All pairs in one batch per epoch."""
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    for epoch in range(epochs):
        batch = {"row": torch.arange(len(PAIR)), "user_idx": PAIR[:, 0], "item_idx": PAIR[:, 1], "weight": torch.ones(len(PAIR))}
        total, terms = module.loss(batch | {"negatives": module.negatives.draw(batch, DrawKey(7, epoch, 0))})  # type: ignore[operator,union-attr]
        optimizer.zero_grad()
        (total / terms).backward()
        optimizer.step()
    return module.eval()


def accuracy(scores_UN: Tensor) -> float:
    """Share of users whose best items, as many as they chose, are all of their colour."""
    right = [set((scores_UN[row].topk(N_CHOSEN[user]).indices % 2).tolist()) == {user % 2} for row, user in enumerate(USERS)]
    return sum(right) / len(right)


@pytest.mark.parametrize("negatives", [Negatives("uniform", 4, "row"), Negatives("popularity", 16, "batch")], ids=lambda n: n.per)
@pytest.mark.parametrize("loss", ["bpr", "info_nce", "mse"])
def test_mf_learns_the_checkerboard(loss: str, negatives: Negatives) -> None:
    model = MfBpr(MfBprConfig(dimension=4, loss=loss, negatives=negatives), seed=7)
    module = trained(model.module(SIZES), 100)
    users = model.user_vectors(module, {"user_idx": torch.tensor(USERS)})  # type: ignore[arg-type]
    assert accuracy(users @ model.item_vectors(module).T) == 1.0  # type: ignore[arg-type]


@pytest.mark.parametrize("config", [NcfConfig(), NcfConfig(loss="mse"), NcfConfig(layers=()), NcfConfig(factors=0)], ids=str)
def test_ncf_learns_the_checkerboard(config: NcfConfig) -> None:
    assert accuracy(all_scores(Ncf(config, seed=7), trained(Ncf(config, seed=7).module(SIZES), 100))) == 1.0


def all_scores(model: Ncf, module: nn.Module) -> Tensor:
    users, items = torch.meshgrid(torch.tensor(USERS), torch.tensor(ITEMS), indexing="ij")
    return model.scores(module, users.flatten(), items.flatten()).view(users.shape)  # type: ignore[arg-type]


def test_vectors_score_like_the_loss() -> None:
    model = MfBpr(MfBprConfig(), seed=7)
    module = model.module(SIZES)
    nn.init.normal_(module.item_bias.weight)
    user, item = module.users.weight[3], module.items.weight[5]
    vectors = model.user_vectors(module, {"user_idx": torch.tensor([3])})[0], model.item_vectors(module)[5]
    assert torch.dot(*vectors).item() == pytest.approx((user @ item + module.item_bias.weight[5, 0]).item(), abs=1e-6)


def test_joined_parts_score_half_the_sum_of_theirs() -> None:
    gmf, mlp, both = (Ncf(NcfConfig(**parts), seed=7) for parts in ({"layers": ()}, {"factors": 0}, {}))
    parts = gmf.module(SIZES), mlp.module(SIZES)
    expected = (all_scores(gmf, parts[0]) + all_scores(mlp, parts[1])) / 2
    assert torch.allclose(all_scores(both, both.pretrained(*parts, SIZES)), expected, atol=1e-6)


def test_sparse_gradients_hold_only_the_rows_of_the_batch() -> None:
    module = MfBpr(MfBprConfig(sparse_rows=0), seed=7).module(SIZES)
    batch = {"user_idx": torch.tensor([1, 1]), "item_idx": torch.tensor([2, 4]), "negatives": torch.tensor([[3], [3]])}
    module.loss(batch)[0].backward()  # type: ignore[no-untyped-call]
    assert module.users.weight.grad.coalesce().indices().tolist() == [[1]]  # type: ignore[union-attr]
    assert module.items.weight.grad.coalesce().indices().tolist() == [[2, 3, 4]]  # type: ignore[union-attr]


def test_only_large_tables_are_sparse() -> None:
    module = MfBpr(MfBprConfig(sparse_rows=1_000), seed=7).module(Sizes(n_users=1_000, n_items=999, length=0))
    assert [module.users.sparse, module.items.sparse, module.item_bias.sparse] == [True, False, False]


def test_the_seed_decides_the_weights() -> None:
    first, again, other = (Ncf(NcfConfig(), seed).module(SIZES).users.weight for seed in (7, 7, 8))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_shared_negatives_score_as_their_own_would() -> None:
    module = MfBpr(MfBprConfig(negatives=Negatives("uniform", 2, "batch")), seed=7).module(SIZES)
    nn.init.normal_(module.item_bias.weight)
    batch = {"user_idx": torch.tensor([1, 2, 3]), "item_idx": torch.tensor([4, 5, 6])}
    shared, own = torch.tensor([6, 7]), torch.tensor([[6, 7]] * 3)
    losses = [module.loss(batch | {"negatives": drawn}) for drawn in (shared, own)]
    assert losses[0][0].item() == pytest.approx(losses[1][0].item(), rel=1e-6)
    assert [int(terms) for _, terms in losses] == [5, 5]  # 3 x 2, but for the third pair's own item


def test_pairs_have_no_positions() -> None:
    with pytest.raises(ValidationError, match="per position"):
        MfBprConfig(negatives=Negatives("uniform", 2, "position"))


def test_ncf_without_a_part_is_refused() -> None:
    with pytest.raises(ValidationError, match="factors is 0 and layers is empty"):
        NcfConfig(factors=0, layers=())
