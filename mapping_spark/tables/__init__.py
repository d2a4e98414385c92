"""Every table, declared once. This package loads no pyspark; `frames`, `store` and `quality` do."""

from mapping_spark.tables import attribution, bronze, campaigns, effects, experiments, forecasts, gold, ops, silver, uplift
from mapping_spark.tables.contract import Table

TABLES: dict[str, Table] = {
    value.name: value
    for module in (bronze, silver, gold, campaigns, experiments, attribution, uplift, effects, forecasts, ops)
    for value in vars(module).values()
    if isinstance(value, Table)
}
"""All declared tables by name, in the order an event meets them."""

PUBLISHED = tuple(table for table in TABLES.values() if table.layer in ("gold", "ops") or table in (silver.ITEMS, silver.CAMPAIGNS))
"""What SQL clients are given: gold and ops, and the two tables that give their ids names. The rest of silver holds people's events."""
