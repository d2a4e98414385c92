"""Attribution by removal effect in an absorbing Markov chain of touches, from counts of transitions.

Anderl, Becker, von Wangenheim and Schumann (2016), "Mapping the customer journey". A journey starts, passes channels, and ends in
a conversion or in nothing. The removal effect of a channel is the share of conversions that would be lost if everyone who comes
to it ended in nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse.linalg import splu

from mapping_spark.evaluation.metrics import Flags, Numbers

State = tuple[str, ...]
"""The last touches, as many as the order at most; () is the start."""
CONVERSION, NOTHING = "(conversion)", "(null)"
"""Where a journey ends. No channel is called so."""


def transitions(journeys: Iterable[tuple[Sequence[str], float, float]], order: int = 1) -> dict[tuple[State, str], float]:
    """How often a state is followed by a channel or an end, from (path, conversions, journeys without) rows. Counts add up."""
    counts: dict[tuple[State, str], float] = {}
    for path, n_conversions, n_nothing in journeys:
        for at, channel in enumerate(path):
            step = (tuple(path[max(0, at - order) : at]), channel)
            counts[step] = counts.get(step, 0.0) + n_conversions + n_nothing
        last = tuple(path[-order:])
        for end, n in ((CONVERSION, n_conversions), (NOTHING, n_nothing)):
            counts[last, end] = counts.get((last, end), 0.0) + n
    return counts


def removal_effects(counts: Mapping[tuple[State, str], float], order: int = 1) -> dict[str, float]:
    """Of each channel, 0 to 1, by name: 1 less the chance to convert without it over that with it. 0 where nothing converts."""
    chain = _Chain(counts, order)
    base = chain.conversion()
    channels = sorted({name for state, to in counts for name in (*state, to)} - {CONVERSION, NOTHING})
    if not base > 0:
        return dict.fromkeys(channels, 0.0)
    return {channel: max(0.0, 1 - chain.conversion(without=channel) / base) for channel in channels}


class _Chain:
    """The transition matrix between states, and each state's chance to convert next."""

    def __init__(self, counts: Mapping[tuple[State, str], float], order: int) -> None:
        moves = [(state, (*state, to)[-order:], n) for (state, to), n in counts.items() if to not in (CONVERSION, NOTHING) and n > 0]
        found = {state for state, _ in counts} | {end for _, end, _ in moves} | {()}
        self.states = sorted(found)
        self._at = {state: number for number, state in enumerate(self.states)}
        size = len(self.states)
        out_S = np.zeros(size)
        for (state, _), n in counts.items():
            out_S[self._at[state]] += n
        scale_S = 1 / np.where(out_S > 0, out_S, 1)
        rows, columns = [self._at[state] for state, _, _ in moves], [self._at[end] for _, end, _ in moves]
        values = np.array([n for _, _, n in moves])
        self.matrix = sparse.csr_matrix((values * scale_S[rows], (rows, columns)), shape=(size, size))
        self.converts_S = np.zeros(size)
        for (state, to), n in counts.items():
            if to == CONVERSION:
                self.converts_S[self._at[state]] += n * scale_S[self._at[state]]

    def conversion(self, without: str | None = None) -> float:
        """Chance that a journey converts: the start's entry of (I - Q)^-1 r, where those who come to `without` end in nothing.

        States from which no conversion can be reached are left out: a loop without an end would make the matrix singular.
        """
        stays_S = np.array([without is None or not state or state[-1] != without for state in self.states])
        start = self._at[()]
        kept_S = stays_S & self._reaching(stays_S)
        if not kept_S[start]:
            return 0.0
        inner = self.matrix[kept_S][:, kept_S]
        chances = splu((sparse.identity(inner.shape[0]) - inner).tocsc()).solve(self.converts_S[kept_S])
        return float(chances[int(kept_S[:start].sum())])

    def _reaching(self, stays_S: Flags) -> Flags:
        """States from which a conversion can be reached through states that stay."""
        size = len(self.states)
        open_matrix = self.matrix.multiply(stays_S[:, None]).multiply(stays_S[None, :]).tocoo()
        ends = np.flatnonzero(stays_S & (self.converts_S > 0))
        # Backwards: from a new node that leads to every converting state.
        rows: Numbers = np.concatenate([open_matrix.col, np.full(len(ends), size)])
        columns: Numbers = np.concatenate([open_matrix.row, ends])
        keep = np.concatenate([open_matrix.data > 0, np.ones(len(ends), bool)])
        graph = sparse.csr_matrix((np.ones(int(keep.sum())), (rows[keep], columns[keep])), shape=(size + 1, size + 1))
        reached = np.zeros(size + 1, bool)
        reached[csgraph.breadth_first_order(graph, size, return_predecessors=False)] = True
        return reached[:size]
