"""Every table, declared once. This package loads no pyspark; `frames`, `store` and `quality` do."""

from mapping_spark.tables import bronze, effects, forecasts, gold, ops, silver, uplift
from mapping_spark.tables.contract import Table

TABLES: dict[str, Table] = {
    value.name: value
    for module in (bronze, silver, gold, uplift, effects, forecasts, ops)
    for value in vars(module).values()
    if isinstance(value, Table)
}
"""All declared tables by name, in the order an event meets them."""
