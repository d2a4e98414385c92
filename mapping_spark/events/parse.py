"""The text of a record to its raw columns, still text; or the one reason why it cannot be read.

What could hurt the parser (length, depth, NUL) is judged before it sees the text.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from mapping_spark.ingest.records import BOM
from mapping_spark.ingest.source import Format

RAW = "__raw"
"""Struct of the raw columns as text; null where the record cannot be read."""
UNREADABLE = "__unreadable"
"""Reason code; null where the record can be read."""
STRUCTURE_CODES = ("not_utf8", "too_long", "nul_byte", "nested_too_deep", "not_json", "not_csv", "duplicate_keys")

_OPTIONS = {"allowSingleQuotes": "false", "allowUnquotedControlChars": "true"}


def parse(bronze: DataFrame, columns: list[str], file_format: Format, *, max_bytes: int, max_nesting: int) -> DataFrame:
    """Add `__raw` (struct of the named columns, all text) and `__unreadable` (a reason code) to rows of bronze.

    A number keeps its digits up to double precision; a nested value is its JSON text; NaN and infinity are text.
    """
    text = F.btrim("payload", F.lit(BOM + " \t\r\n"))
    dangerous = (
        F.when(F.col("payload_encoding") == "base64", F.lit("not_utf8"))
        .when(F.octet_length("payload") > max_bytes, F.lit("too_long"))
        .when(F.contains("payload", F.lit("\0")), F.lit("nul_byte"))
        .when((_brackets(F.col("payload")) > max_nesting) & (_depth(F.col("payload")) > max_nesting), F.lit("nested_too_deep"))
    )
    # As the only element of a list: the parser stops after the first value, so `{..}{..}` would lose the second.
    in_list = F.concat(F.lit("["), text, F.lit("]"))
    # No declared table: the source's own columns, all as text.
    schema = T.ArrayType(T.StructType([T.StructField(name, T.StringType()) for name in columns]))
    listed = bronze.withColumn(UNREADABLE, dangerous)
    listed = listed.withColumn("__list", F.from_json(F.when(F.col(UNREADABLE).isNull() & text.startswith("{"), in_list), schema, _OPTIONS))
    is_one = F.coalesce((F.size("__list") == 1) & F.col("__list")[0].isNotNull(), F.lit(False))
    keys = F.json_object_keys(text)
    unreadable = F.when(F.col(UNREADABLE).isNotNull(), F.col(UNREADABLE)).when(~is_one, F.lit("not_csv" if file_format == "csv" else "not_json"))
    if file_format == "json":  # the objects made at ingest repeat no key
        unreadable = unreadable.when(F.size(keys) > F.size(F.array_distinct(keys)), F.lit("duplicate_keys"))
    read = listed.withColumn(UNREADABLE, unreadable)
    return read.withColumn(RAW, F.when(F.col(UNREADABLE).isNull(), F.col("__list")[0])).drop("__list")


def _brackets(text: Column) -> Column:
    """How many lists and objects are opened: an upper bound of the depth that costs no parse."""
    return 2 * F.octet_length(text) - F.octet_length(F.replace(text, F.lit("["))) - F.octet_length(F.replace(text, F.lit("{")))


def _depth(text: Column) -> Column:
    """The deepest nesting, brackets within strings counted too; for the few records with many brackets."""
    brackets = F.regexp_extract_all(text, F.lit(r"([\[\]{}])"))
    start = F.struct(F.lit(0).alias("now"), F.lit(0).alias("most"))

    def walk(state: Column, bracket: Column) -> Column:
        now = state["now"] + F.when(bracket.isin("[", "{"), F.lit(1)).otherwise(F.lit(-1))
        return F.struct(now.alias("now"), F.greatest(state["most"], now).alias("most"))

    return F.aggregate(brackets, start, walk, lambda state: state["most"])
