"""The models of sequences: lstm and sasrec."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from mapping_spark.models.lstm import Lstm, LstmConfig
from mapping_spark.models.next_item import NextItemModule, Packed
from mapping_spark.models.sasrec import SasRec, SasRecConfig
from mapping_spark.training.negatives import DrawKey, Negatives
from mapping_spark.training.trainable import Sizes

from .checkerboard import ITEMS, USERS

SIZES = Sizes(n_users=50, n_items=len(ITEMS), length=8, item_counts=torch.ones(len(ITEMS)))
# Every user goes through the items of one colour in order, beginning elsewhere: after i comes i + 2.
WALKS = torch.tensor([[(user + 2 * (user // 2 + step)) % 16 for step in range(8)] for user in USERS])
MODELS: dict[str, tuple[Any, Any]] = {
    "sasrec": (SasRec, SasRecConfig),
    "gru": (Lstm, LstmConfig),
    "lstm": (Lstm, lambda **settings: LstmConfig(cell="lstm", **settings)),
}
LOSSES: dict[str, dict[str, Any]] = {
    "softmax": {},
    "sampled_softmax": {"negatives": Negatives("popularity", 8, "batch")},
    "gbce": {"negatives": Negatives("uniform", 8, "position")},
    "bce": {"negatives": Negatives("uniform", 8, "position")},
    "bpr": {"negatives": Negatives("uniform", 8, "row")},
}
EPOCHS = 100
EACH_MODEL = pytest.mark.parametrize("name", MODELS)


def model(name: str, **settings: Any) -> Any:
    kind, config = MODELS[name]
    return kind(config(dimension=16, dropout=0.0, **settings), seed=7)


def states(module: NextItemModule, items: list[list[int]]) -> list[Tensor]:
    """States of each row, (items of the row, D)."""
    history = Packed.of(torch.tensor(items))
    with torch.no_grad():
        return list(module.states(history).split(history.length_B.tolist()))  # type: ignore[no-untyped-call]


@EACH_MODEL
@pytest.mark.parametrize("loss", LOSSES)
def test_learns_the_checkerboard(name: str, loss: str) -> None:
    learner = model(name, loss=loss, **LOSSES[loss])
    module = learner.module(SIZES)
    torch.nn.init.normal_(module.items.weight, std=0.25)  # so few steps would not lift the usual small start
    optimizer = torch.optim.Adam(module.parameters(), lr=0.02)
    for epoch in range(EPOCHS):
        batch = {"row": torch.arange(len(WALKS)), "item_idxs": WALKS}
        if module.negatives is not None:
            batch["negatives"] = module.negatives.draw(batch, DrawKey(7, epoch, 0))
        total, terms = module.loss(batch)
        optimizer.zero_grad()
        (total / terms).backward()
        optimizer.step()
    module.eval()
    scores = learner.user_vectors(module, {"item_idxs": WALKS[:, :-1]}) @ learner.item_vectors(module).T
    assert (scores.argmax(dim=1) == WALKS[:, -1]).float().mean() == 1.0


@EACH_MODEL
def test_a_later_item_changes_no_earlier_state(name: str) -> None:
    module = model(name).module(SIZES)
    one, other = states(module, [[3, 1, 4, 1, 5]]), states(module, [[3, 1, 4, 9, 2]])
    assert torch.allclose(one[0][:3], other[0][:3], atol=1e-6)
    assert not torch.allclose(one[0][3:], other[0][3:], atol=1e-3)


@EACH_MODEL
def test_padding_and_other_rows_change_no_state(name: str) -> None:
    module = model(name).module(SIZES)
    alone = states(module, [[3, 1, 4]])[0]
    padded = states(module, [[-1, -1, -1, -1, -1, 3, 1, 4], [2, 7, 1, 8, 2, 8, 1, 8], [-1] * 8])
    assert torch.allclose(padded[0], alone, atol=1e-6)
    assert len(padded[2]) == 0


@EACH_MODEL
def test_the_profile_is_the_last_state_and_zero_without_items(name: str) -> None:
    learner = model(name)
    module = learner.module(SIZES).eval()
    vectors = learner.user_vectors(module, {"item_idxs": torch.tensor([[-1, 3, 1], [-1, -1, -1]])})
    assert torch.allclose(vectors[0, :-1], states(module, [[3, 1]])[0][-1], atol=1e-6)
    assert vectors[1].tolist() == [0.0] * 16 + [1.0]
    assert learner.item_vectors(module).shape == (16, 17)


@EACH_MODEL
def test_a_batch_without_a_next_item_has_no_terms(name: str) -> None:
    total, terms = model(name).module(SIZES).loss({"item_idxs": torch.tensor([[-1, -1, 5], [-1, -1, -1]])})
    assert (total, terms) == (0, 0)


def test_packed_and_aligned_are_inverse() -> None:
    history = Packed.of(torch.tensor([[-1, 5, 6], [7, 8, 9], [-1, -1, -1]]))
    assert history.item_T.tolist() == [5, 6, 7, 8, 9]
    assert history.age().tolist() == [1, 0, 2, 1, 0]
    values = torch.arange(1.0, 6.0)[:, None]
    assert history.aligned(values)[:, :, 0].tolist() == [[1, 2, 0], [3, 4, 5], [0, 0, 0]]
    assert torch.equal(history.packed(history.aligned(values)), values)


@pytest.mark.parametrize("per", ["position", "row", "batch"])
def test_the_loss_compares_each_position_with_its_own_negatives(per: str) -> None:
    """With one negative everywhere, all three ways to draw it are the same loss."""
    module = model("gru", loss="bce", negatives=Negatives("uniform", 1, per)).module(SIZES)  # type: ignore[arg-type]
    shape = {"position": (2, 3, 1), "row": (2, 1), "batch": (1,)}[per]
    items = torch.tensor([[-1, 3, 1], [2, 4, 6]])
    total, terms = module.loss({"item_idxs": items, "negatives": torch.full(shape, 9)})
    after = torch.cat([states(module, [[3]])[0], states(module, [[2, 4]])[0]])
    scores = after @ module.items.weight.T
    expected = -sum((scores[t, chosen].sigmoid().log() + (-scores[t, 9]).sigmoid().log()) for t, chosen in enumerate([1, 4, 6]))
    assert total.item() == pytest.approx(expected.item(), rel=1e-5)
    assert terms == 6
