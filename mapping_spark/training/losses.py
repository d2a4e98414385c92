"""Losses over scores, whatever scorer gave them. Each returns (sum, number of terms), both scalars.

`positive_T`: score of what was chosen, per case. `negative_Tn`: scores of its n negatives; -inf leaves one out (see
`without_hits`). Sums and counts are added over batches and ranks before they are divided, so that the mean is exact.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

Loss = tuple[Tensor, Tensor]


def without_hits(negative_Tn: Tensor, drawn: Tensor, chosen_T: Tensor) -> Tensor:
    """The scores with -inf where a drawn item, (T, n) or (n,), is what the case chose: no item is its own negative."""
    return negative_Tn.masked_fill(drawn == chosen_T[:, None], -math.inf)


def bce(positive_T: Tensor, negative_Tn: Tensor) -> Loss:
    """Binary cross-entropy: -log s(p) - sum_j log(1 - s(n_j)), s the logistic function (He et al., WWW 2017). Terms: all pairs."""
    return F.softplus(-positive_T).sum() + F.softplus(negative_Tn).sum(), len(positive_T) + _left(negative_Tn)


def bpr(positive_T: Tensor, negative_Tn: Tensor) -> Loss:
    """Bayesian personalised ranking: -log s(p - n_j) (Rendle et al., UAI 2009). Terms: pairs of a positive and a negative."""
    return F.softplus(negative_Tn - positive_T[:, None]).sum(), _left(negative_Tn)


def gbce(positive_T: Tensor, negative_Tn: Tensor, *, n_items: int, calibration: float) -> Loss:
    """Generalised BCE: -(b log s(p) + sum_j log(1 - s(n_j))) / (n + 1) (Petrov, Macdonald, RecSys 2023, gSASRec).

    b = a (t (1 - 1/a) + 1/a) with a = n / (N - 1), N items and `calibration` t in [0, 1]: t = 0 is BCE (b = 1), t = 1
    undoes the overconfidence that sampling brings (b = a). Terms: positives.
    """
    n = negative_Tn.shape[1]
    rate = n / (n_items - 1)
    power = rate * (calibration * (1 - 1 / rate) + 1 / rate)
    total = power * F.softplus(-positive_T).sum() + F.softplus(negative_Tn).sum()
    return total / (n + 1), _terms(positive_T)


def sampled_softmax(positive_T: Tensor, negative_Tn: Tensor, log_q: Tensor) -> Loss:
    """Cross-entropy against an estimate of the softmax's denominator: log(e^p + sum_j e^n_j / (n q_j)) - p.

    `log_q`, (n,) or (T, n): log of each negative's share q of the draws. The positive is in the sum once, for certain,
    so only the negatives are corrected; with hits left out the estimate of the denominator has no bias
    (Bengio, Senecal, AISTATS 2003; the variants: Yi et al., RecSys 2019). Terms: positives.
    """
    corrected = negative_Tn - (log_q + math.log(negative_Tn.shape[1]))
    rest = torch.logsumexp(corrected, dim=1)
    return F.softplus(rest - positive_T).sum(), _terms(positive_T)


def info_nce(positive_T: Tensor, negative_Tn: Tensor) -> Loss:
    """Cross-entropy against the negatives as they were drawn: log(e^p + sum_j e^n_j) - p (van den Oord et al., 2018).

    Drawn from q, the best scores are log p(item | case) - log q(item), up to a number per case: taste apart from popularity.
    Terms: positives.
    """
    return F.softplus(torch.logsumexp(negative_Tn, dim=1) - positive_T).sum(), _terms(positive_T)


def softmax(scores_TN: Tensor, chosen_T: Tensor) -> Loss:
    """Cross-entropy over all N items. Terms: cases."""
    return F.cross_entropy(scores_TN, chosen_T, reduction="sum"), _terms(chosen_T)


def mse(positive_T: Tensor, negative_Tn: Tensor, target_T: Tensor) -> Loss:
    """Squared error: (p - target)^2 + sum_j n_j^2. Terms: all pairs."""
    known = negative_Tn[negative_Tn > -math.inf]
    return F.mse_loss(positive_T, target_T, reduction="sum") + known.square().sum(), _terms(positive_T) + len(known)


def _terms(positive_T: Tensor) -> Tensor:
    return torch.tensor(len(positive_T), device=positive_T.device)


def _left(negative_Tn: Tensor) -> Tensor:
    return (negative_Tn > -math.inf).sum()
