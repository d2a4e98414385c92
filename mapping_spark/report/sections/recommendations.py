"""What a household bought, and what it is recommended and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from mapping_spark.report.ask import Answer, Ask
from mapping_spark.report.blocks import Cell, Column, Grid, Section, count, day, number, words

N_HOUSEHOLDS, N_BOUGHT = 12, 10

_CHOSEN = f"""WITH chosen AS (
    SELECT user_id FROM gold.recommendations WHERE as_of_date = :as_of AND rank = 1 ORDER BY xxhash64(user_id), user_id LIMIT {N_HOUSEHOLDS}
)"""  # noqa: S608 (a constant)

BOUGHT = f"""
{_CHOSEN}, bought AS (
    SELECT user_id, item_id, n_events, last_at, row_number() OVER (PARTITION BY user_id ORDER BY weight DESC, item_id) AS place
    FROM silver.interactions
    WHERE as_of_date = :as_of AND user_id IN (SELECT user_id FROM chosen)
)
SELECT user_id, place, bought.item_id, initcap(items.title) AS title, n_events, last_at
FROM bought LEFT JOIN silver.items AS items ON items.item_id = bought.item_id
WHERE place <= {N_BOUGHT}
ORDER BY xxhash64(user_id), user_id, place
"""  # noqa: S608

RECOMMENDED = f"""
{_CHOSEN}
SELECT user_id, rank, recommended.item_id, initcap(items.title) AS title, stage, model, reason
FROM gold.recommendations AS recommended LEFT JOIN silver.items AS items ON items.item_id = recommended.item_id
WHERE as_of_date = :as_of AND user_id IN (SELECT user_id FROM chosen)
ORDER BY xxhash64(user_id), user_id, rank
"""  # noqa: S608

SLOTS = """
SELECT stage, reason_code, COUNT(*) AS n_slots, COUNT(DISTINCT user_id) AS n_households
FROM gold.recommendations
WHERE as_of_date = :as_of
GROUP BY stage, reason_code
ORDER BY n_slots DESC, stage, reason_code
"""

_BOUGHT_COLUMNS = (words("item", "title"), number("times", "n_events"), words("last bought", "last_at", day))
_LIST_COLUMNS = (number("rank", "rank"), words("item", "title"), words("why", "reason"), words("filled by", "stage"))


@dataclass(frozen=True)
class Household:
    """One of those to pick from."""

    user_id: str
    bought: Sequence[Sequence[Cell]]
    recommended: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Picker:
    """Households to choose from; one is shown at a time."""

    kind: ClassVar[str] = "picker"
    bought: Answer
    recommended: Answer
    bought_columns: Sequence[Column] = _BOUGHT_COLUMNS
    list_columns: Sequence[Column] = _LIST_COLUMNS

    @property
    def answers(self) -> tuple[Answer, ...]:
        """Whose queries stand below it."""
        return (self.bought, self.recommended)

    @property
    def households(self) -> list[Household]:
        """In the order of the answers."""
        users = dict.fromkeys(self.recommended.values("user_id"))
        return [Household(u, _cells(self.bought, self.bought_columns, u), _cells(self.recommended, self.list_columns, u)) for u in users]


def _cells(answer: Answer, columns: Sequence[Column], user_id: str) -> list[list[Cell]]:
    mine: list[dict[str, Any]] = [record for record in answer.records if record["user_id"] == user_id]
    return [[column.cell(record) for column in columns] for record in mine]


def section(ask: Ask) -> Section:
    """Some households, drawn by a hash of their key and not picked by hand; then all slots by what filled them."""
    bought, recommended, slots = ask("bought", BOUGHT), ask("recommended", RECOMMENDED), ask("slots", SLOTS)
    n_households = max(slots.values("n_households"), default=0)
    lead = (
        f"{count(slots.total('n_slots'))} places in the lists of at least {count(n_households)} households, each with its reason. "
        f"The {count(len(set(recommended.values('user_id'))))} shown here were drawn by a hash of their key, not picked by hand."
    )
    columns = (
        words("filled by", "stage"),
        words("kind of reason", "reason_code"),
        number("places", "n_slots"),
        number("households", "n_households"),
    )
    blocks = (Picker(bought, recommended), Grid("All lists, by what filled a place and why", slots, columns))
    return Section(lead, blocks)
