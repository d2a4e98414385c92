"""Tables and BI views by name in the session's catalog, with their comments, for whoever speaks SQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from mapping_spark.errors import ConfigError, EnvironmentFault
from mapping_spark.tables import PUBLISHED
from mapping_spark.tables.contract import Table
from mapping_spark.tables.store import Store

_ANOTHER_DERBY = "Another instance of Derby"


@dataclass(frozen=True, slots=True)
class Entry:
    """One table or view, and what became of it."""

    name: str
    kind: str
    state: str


def publish(store: Store, catalog: str) -> list[Entry]:
    """Register every published table that is there in `catalog`, with its views; says of the others that they are not.

    Folders are registered where they lie and never copied; tables of a store in a catalog have their names already and
    get their views anew. Doing it again changes nothing. Raises `ConfigError` where a name stands for another folder, and
    `EnvironmentFault` where the catalog refuses.
    """
    named = store if store.catalog is not None else replace(store, catalog=catalog)
    try:
        return [entry for table in PUBLISHED for entry in _publish(store, named, table)]
    except (PySparkException, Py4JJavaError) as fault:
        raise _refused(named.catalog or catalog, fault) from fault


def _publish(store: Store, named: Store, table: Table) -> Iterator[Entry]:
    if not store.exists(table):
        yield Entry(table.name, "table", "not written yet")
        return
    if store.catalog is None:
        folder, found = store.location(table), named.register(table, store.location(table))
        if found != folder:
            where = f"{named.catalog}.{table.name}"
            raise ConfigError(
                where, f"the name of {found}", f"the name of {folder}", f"DROP TABLE {where} (its files stay), or another sql.catalog."
            )
    yield Entry(table.name, "table", "published")
    for view in named.create_views(table):
        yield Entry(view, "view", "published")


def _refused(catalog: str, fault: Exception) -> EnvironmentFault:
    cause = str(fault)
    if _ANOTHER_DERBY in cause:
        fix = "Stop the other one (mapping-spark sql?), or set sql.metastore to session and give the session a shared metastore."
        return EnvironmentFault(f"catalog {catalog}", "its embedded metastore is open in another process", "one process at a time", fix)
    line = next((line.strip() for line in cause.splitlines() if line.strip()), type(fault).__name__)
    fix = "Check sql.catalog, and that this session may create schemas, tables and views there."
    return EnvironmentFault(f"catalog {catalog}", line[:300], "a catalog that takes tables and views", fix)
