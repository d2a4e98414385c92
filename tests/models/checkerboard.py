"""A market whose right answers are known: even users choose even items, odd users odd ones, and one pair is withheld.

Each user chose everything in one basket, item after item around the board from the user's own place, so that every item
follows another. Even users are more, so even items are what most users choose. The withheld item is the last of its colour: a tie never
helps it. Nobody chose the last item of the catalogue.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame, SparkSession

from mapping_spark.models.base import TrainingData
from mapping_spark.tables.frames import rows, small
from mapping_spark.tables.silver import INTERACTIONS

AS_OF = dt.date(2017, 12, 1)
USERS = (*range(0, 50, 2), *range(1, 46, 2))  # 25 even users, 23 odd ones
ITEMS = range(16)
UNSOLD = 16
WITHHELD = (0, 14)
PAIRS = tuple((user, item) for user in USERS for item in ITEMS if user % 2 == item % 2 and (user, item) != WITHHELD)


def training_data(spark: SparkSession, pairs: tuple[tuple[int, int], ...] = PAIRS) -> TrainingData:
    """The pairs as interactions of weight 1 and as baskets, and a catalogue that words even and odd items differently."""
    last = dt.datetime.combine(AS_OF - dt.timedelta(days=3), dt.time(12))
    interactions = (
        dict(
            as_of_date=AS_OF, user_idx=u, item_idx=i, user_id=f"u{u}", item_id=f"i{i}", weight=1.0, n_events=1, first_at=last, last_at=last
        )
        for u, i in pairs
    )
    texts = [(i, "fresh milk" if i % 2 == 0 else "rye bread") for i in ITEMS] + [(UNSOLD, None)]
    items = small(spark, texts, "item_idx bigint, text string")  # features.item_text's shape, no declared table
    walks = {user: [_around(user, [item for owner, item in pairs if owner == user])] for user, _ in pairs}
    return TrainingData(rows(spark, INTERACTIONS, *interactions), items, AS_OF, choices(spark, walks))


def choices(spark: SparkSession, histories: Mapping[int, Sequence[Sequence[int]]]) -> DataFrame:
    """TrainingData.choices of users whose baskets, and the items of each, are written oldest first."""
    taken = {user: [(item, f"b{n}") for n, basket in enumerate(baskets) for item in basket] for user, baskets in histories.items()}
    recent = [(user, *choice, recency) for user, own in taken.items() for recency, choice in enumerate(reversed(own), 1)]
    return small(spark, recent, "user_idx bigint, item_idx bigint, basket string, recency int")  # features.build_choices' shape


def _around(user: int, items: list[int]) -> list[int]:
    return sorted(items, key=lambda item: (item - user) % len(ITEMS))
