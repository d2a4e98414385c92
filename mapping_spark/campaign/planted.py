"""Made-up campaigns whose truth is known: a reading of numbers can be tried on them before it is believed on real ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from mapping_spark.campaign.markov_attribution import CONVERSION, NOTHING, State

VARIANTS = ("control", "letter", "coupon")
"""Of the planted experiment, in equal shares. The letter is clicked and sells nothing; the coupon sells."""
SEGMENT_EFFECTS = {"new": 0.08, "regular": 0.04, "loyal": 0.0}
"""By how much the coupon raises the chance to convert, on average, by segment."""
BASKET = 20.0
"""What a conversion adds to revenue, currency."""
DAYS = 14
"""Days on which users come into the planted experiment."""

CHAIN: Mapping[tuple[State, str], float] = {
    ((), "social"): 0.5,
    ((), "mail"): 0.3,
    ((), "search"): 0.2,
    (("social",), "mail"): 0.3,
    (("social",), "search"): 0.3,
    (("social",), NOTHING): 0.4,
    (("mail",), "search"): 0.5,
    (("mail",), CONVERSION): 0.2,
    (("mail",), NOTHING): 0.3,
    (("search",), CONVERSION): 0.4,
    (("search",), NOTHING): 0.6,
}
"""Chances by which planted journeys go on: `removal_effects` of them are the truth that counted journeys approach."""


def planted_users(n_users: int, seed: int) -> pd.DataFrame:
    """One row per user of a campaign of `VARIANTS` by chance: what was known, what was seen, and the truth in `effect`.

    Known before: segment, day (0 to 13, when the user came in), thrift and loyalty (within -1 and 1), spent_before (currency).
    Seen: n_shown, n_clicks, is_converted, is_unsubscribed (0 or 1), revenue (currency). `effect` is by how much the coupon raises
    the user's chance to convert: `SEGMENT_EFFECTS` + 0.1 thrift, so it puts some off. Revenue is a share of spent_before, whatever
    the variant, and a `BASKET` for who converts.
    """
    rng = np.random.default_rng(seed)
    segment = rng.choice(list(SEGMENT_EFFECTS), n_users, p=[0.5, 0.3, 0.2])
    thrift, loyalty = rng.uniform(-1, 1, (2, n_users))
    variant = rng.choice(VARIANTS, n_users)
    effect = np.array([SEGMENT_EFFECTS[name] for name in segment]) + 0.1 * thrift
    is_converted = rng.random(n_users) < 0.2 + 0.1 * loyalty + effect * (variant == "coupon")
    spent_before, n_shown = rng.gamma(4, 10, n_users), rng.poisson(5, n_users)
    seen = {
        "n_shown": n_shown,
        "n_clicks": rng.binomial(n_shown, np.where(variant == "control", 0.05, 0.1)),
        "is_converted": is_converted.astype(int),
        "is_unsubscribed": rng.binomial(1, 0.02, n_users),
        "revenue": spent_before * rng.uniform(0.5, 1.5, n_users) + BASKET * is_converted,
    }
    known = {"segment": segment, "day": rng.integers(0, DAYS, n_users), "thrift": thrift, "loyalty": loyalty}
    names = [f"u{n:06d}" for n in range(n_users)]
    return pd.DataFrame({"user_id": names, "variant": variant, **known, "spent_before": spent_before, **seen, "effect": effect})


def planted_journeys(n_journeys: int, as_of: dt.date, seed: int) -> Iterator[dict[str, Any]]:
    """Events (columns of silver.events) of users who walk `CHAIN`, an hour a step, on the day before `as_of`.

    Each channel is a click; who converts makes a purchase.
    """
    rng = np.random.default_rng(seed)
    begun = dt.datetime.combine(as_of - dt.timedelta(days=1), dt.time(), dt.UTC)
    for number in range(n_journeys):
        for at, step in enumerate(_walk(rng)):
            moment = begun + dt.timedelta(hours=at)
            event = {"event_id": f"j{number}-{at}", "user_id": f"u{number}", "event_at": moment, "event_date": moment.date()}
            if step == CONVERSION:
                yield event | {"event_type": "purchase", "value": Decimal(int(rng.integers(5, 50))), "currency": "EUR"}
            elif step != NOTHING:
                yield event | {"event_type": "click", "channel": step}


def _walk(rng: np.random.Generator) -> Iterator[str]:
    """Channels, then where the journey ends."""
    state: State = ()
    while state not in ((CONVERSION,), (NOTHING,)):
        ways = {to: chance for (come_from, to), chance in CHAIN.items() if come_from == state}
        state = (str(rng.choice(list(ways), p=list(ways.values()))),)
        yield state[0]
