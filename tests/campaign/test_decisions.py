from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from pyspark.sql import SparkSession

from mapping_spark.campaign.decisions import build_decisions
from mapping_spark.campaign.settings import Rule
from mapping_spark.tables.frames import rows
from mapping_spark.tables.gold import CAMPAIGN_KPIS

from .market import at, campaigns

FEW = Rule(name="tell_of_few", measure="redemption_rate_high", below=0.1, action="notify", min_users=100)
MANY = Rule(name="raise_what_pays", measure="redemption_rate", above=0.2, action="raise")
LOSS = Rule(name="pause_losses", measure="roi_high", below=0, action="pause")


def test_rules_fire_on_running_campaigns_only(spark: SparkSession) -> None:
    """c1 runs on [1, 11) March, c2 on [5, 15)."""
    kpis = rows(
        spark,
        CAMPAIGN_KPIS,
        *(
            {"campaign_id": name, "variant": "mailed", "segment": segment, "n_users": 100, "n_converted_users": n}
            for name, n in (("c1", 1), ("c2", 50))
            for segment in ("s", "t")
        ),
    )
    found = build_decisions(kpis, campaigns(spark), at(10).date(), [FEW, MANY, LOSS]).collect()
    # nothing was spent: roi is null and pauses nobody
    assert {(row.rule, row.campaign_id, row.action, row.limit) for row in found} == {
        ("tell_of_few", "c1", "notify", 0.1),
        ("raise_what_pays", "c2", "raise", 0.2),
    }
    assert {row.reason for row in found if row.campaign_id == "c2"} == {"redemption_rate of 0.5000 is above 0.2, among 200 users"}
    assert [row.campaign_id for row in build_decisions(kpis, campaigns(spark), at(12).date(), [FEW, MANY]).collect()] == ["c2"]
    assert build_decisions(kpis, campaigns(spark), at(10).date(), []).count() == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"measure": "roii"}, "'roii' is no measure"),
        ({"below": None}, "exactly one"),
        ({"above": 1.0}, "exactly one"),
        ({"action": "send"}, "action"),
    ],
)
def test_a_rule_that_cannot_be_judged_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Rule(**({"name": "r", "measure": "roi", "below": 0.0, "action": "pause"} | changed))
