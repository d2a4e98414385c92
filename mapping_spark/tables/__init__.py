"""Every table, declared once. This package loads no pyspark; `frames`, `store` and `quality` do."""

from mapping_spark.tables import bronze, campaigns, gold, ops, silver
from mapping_spark.tables.contract import Table

TABLES: dict[str, Table] = {
    value.name: value for layer in (bronze, silver, gold, campaigns, ops) for value in vars(layer).values() if isinstance(value, Table)
}
"""All declared tables by name, in the order an event meets them."""
