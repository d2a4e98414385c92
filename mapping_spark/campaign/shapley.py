"""Attribution by Shapley values: what a channel adds to a set of channels, averaged over every order in which they could come.

Shapley (1953). A game says what each set of channels is worth. For the game of conversions (a set is worth the conversions whose
journeys touched only its channels) the values are known without visiting any set: see `conversion_shares`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import factorial

import numpy as np

from mapping_spark.evaluation.metrics import Flags, Numbers

EXACT_UP_TO = 12
"""Channels up to which every set is visited: 2^12 of them."""
N_ORDERS = 2_000
"""Orders drawn beyond that."""

Game = Callable[[Flags], Numbers]
"""(S, C) whether a set holds a channel -> (S,) what the set is worth; the empty set is worth 0."""


@dataclass(frozen=True, slots=True)
class Shapley:
    """Values by channel, in the game's unit; they sum to the worth of all channels."""

    values: Mapping[str, float]
    errors: Mapping[str, float]
    """Standard error of each value from drawing orders; 0 where every set was visited."""


def shapley(channels: Sequence[str], game: Game, *, seed: int) -> Shapley:
    """Exact for up to 12 channels, else from 2,000 drawn orders, each beside its reverse, by the seed."""
    values_C, errors_C = _exact(len(channels), game) if len(channels) <= EXACT_UP_TO else _sampled(len(channels), game, seed)
    return Shapley(dict(zip(channels, map(float, values_C), strict=True)), dict(zip(channels, map(float, errors_C), strict=True)))


def conversion_shares(worth: Mapping[frozenset[str], float]) -> dict[str, float]:
    """Shapley values of the game of conversions, of any number of channels, exactly: each set's conversions in equal parts.

    `worth` holds conversions (or revenue) by the set of channels that their journeys touched. The value of a sum of games is the
    sum of their values, and a game that one set alone decides treats its channels alike (Zhao, Mahboobi and Bagheri 2018).
    """
    shares: dict[str, float] = {}
    for subset, conversions in worth.items():
        for channel in subset:
            shares[channel] = shares.get(channel, 0.0) + conversions / len(subset)
    return shares


def conversion_rates(channels: Sequence[str], journeys: Mapping[frozenset[str], tuple[float, float]]) -> Game:
    """The game in which a set is worth the share of journeys within it that convert (Dalessandro et al. 2012); 0 without journeys.

    `journeys` holds (conversions, journeys) by the set of channels touched. A channel that lowers the rate has a negative value.
    """
    members_TC = np.array([[channel in subset for channel in channels] for subset in journeys], float).reshape(len(journeys), len(channels))
    counts_T2 = np.array(list(journeys.values()), float).reshape(-1, 2)

    def worth(sets_SC: Flags) -> Numbers:
        within_ST = (~sets_SC).astype(float) @ members_TC.T == 0
        conversions_S, journeys_S = (within_ST @ counts_T2).T
        return np.divide(conversions_S, journeys_S, out=np.zeros(len(sets_SC)), where=journeys_S > 0)

    return worth


def _exact(n_channels: int, game: Game) -> tuple[Numbers, Numbers]:
    """(C,): over sets without the channel, |S|! (C - |S| - 1)! / C! times what it adds."""
    sets = np.arange(1 << n_channels)
    sets_SC = (sets[:, None] >> np.arange(n_channels) & 1).astype(bool)
    worth_S, size_S = game(sets_SC), sets_SC.sum(axis=1)
    weight = np.array([factorial(k) * factorial(n_channels - k - 1) / factorial(n_channels) for k in range(n_channels)])
    without = [sets[~sets_SC[:, bit]] for bit in range(n_channels)]
    values_C = [weight[size_S[some]] @ (worth_S[some | (1 << bit)] - worth_S[some]) for bit, some in enumerate(without)]
    return np.array(values_C), np.zeros(n_channels)


def _sampled(n_channels: int, game: Game, seed: int) -> tuple[Numbers, Numbers]:
    """(C,) means and standard errors over pairs of opposite orders (Mitchell et al. 2022): what each channel adds as it comes."""
    rng = np.random.default_rng(seed)
    added = np.zeros((N_ORDERS // 2, n_channels))
    for number in range(N_ORDERS // 2):
        place_C = rng.permutation(n_channels)
        for places in (place_C, n_channels - 1 - place_C):
            worth = game(places < np.arange(n_channels + 1)[:, None])
            added[number] += np.diff(worth)[places] / 2
    return added.mean(axis=0), added.std(axis=0, ddof=1) / np.sqrt(len(added))
