"""Tiny lists as the metrics see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mapping_spark.evaluation.metrics import NO_CATEGORY, RankedLists

Gains = Mapping[int, float]


def ranked(
    shown: Sequence[Sequence[int | None]],
    relevant: Sequence[Gains],
    *,
    holders: Gains | None = None,
    n_known_users: int = 8,
    tail: Sequence[int] = (),
    popular: Sequence[int] = (),
    categories: Mapping[int, int] | None = None,
    history: Sequence[Mapping[int, float]] = (),
    vectors: Mapping[int, Sequence[float]] | None = None,
) -> RankedLists:
    """Lists by hand: `shown` items per user, best first, None for an empty place; `history` interactions per category."""
    depth = max(map(len, shown))
    places = [[*items, *[None] * (depth - len(items))] for items in shown]

    def each(value: object) -> np.ndarray:  # type: ignore[type-arg]
        return np.array([[value(user, item) for item in items] for user, items in enumerate(places)])  # type: ignore[operator]

    ideal = [sorted(gains.values(), reverse=True)[:depth] for gains in relevant]
    entries = [(user, kind, n / sum(counts.values())) for user, counts in enumerate(history) for kind, n in counts.items()]
    return RankedLists(
        gain_UK=each(lambda user, item: float(relevant[user].get(item, 0))),
        ideal_UK=np.array([[*gains, *[0.0] * (depth - len(gains))] for gains in ideal]),
        n_relevant_U=np.array([len(gains) for gains in relevant]),
        shown_UK=each(lambda user, item: item is not None),
        known_U=np.ones(len(shown), bool),
        n_holders_UK=each(lambda user, item: float((holders or {}).get(item, 0))),
        n_known_users=n_known_users,
        is_tail_UK=each(lambda user, item: item in tail),
        popular_place_UK=each(lambda user, item: popular.index(item) + 1 if item in popular else depth + 1),
        category_UK=None if categories is None else each(lambda user, item: categories.get(item, NO_CATEGORY)),
        history=(
            np.array([user for user, _, _ in entries], np.int64),
            np.array([kind for _, kind, _ in entries], np.int64),
            np.array([share for _, _, share in entries]),
        ),
        vectors_UKD=None if vectors is None else each(lambda user, item: vectors.get(item, [0.0, 0.0])).astype(np.float32),
    )
