"""The text of a record to its raw columns, still text; or the one reason why it cannot be read.

What could hurt the parser (length, depth, NUL) is judged before it sees the text. Objects that ingest made itself from
Parquet rows are taken as sound: half of the time of cleaning them would go into proving it.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from mapping_spark.ingest.records import BOM
from mapping_spark.ingest.source import Format

RAW = "__raw"
"""Struct of the raw columns as text; null where the record cannot be read."""
UNREADABLE = "__unreadable"
"""Reason code; null where the record can be read."""

_LIST = "__list"
_OPTIONS = {"allowSingleQuotes": "false", "allowUnquotedControlChars": "true"}


def parse(bronze: DataFrame, columns: Sequence[str], file_format: Format, *, max_bytes: int, max_nesting: int) -> DataFrame:
    """Add `__raw` (struct of the named columns, all text) and `__unreadable` (a reason code) to rows of bronze.

    A number keeps its digits up to double precision; a nested value is its JSON text; NaN and infinity are text.
    """
    # No declared table: the source's own columns, all as text.
    fields = T.StructType([T.StructField(name, T.StringType()) for name in columns])
    is_too_long = F.when(F.octet_length("payload") > max_bytes, F.lit("too_long"))
    if file_format == "parquet":
        sized = bronze.withColumn(UNREADABLE, is_too_long)
        return sized.withColumn(RAW, F.from_json(F.when(F.col(UNREADABLE).isNull(), F.col("payload")), fields, _OPTIONS))
    dangerous = F.when(F.col("payload_encoding") == "base64", F.lit("not_utf8")).otherwise(
        F.coalesce(
            is_too_long,
            F.when(F.contains("payload", F.lit("\0")), F.lit("nul_byte")),
            F.when((_brackets(F.col("payload")) > max_nesting) & (_depth(F.col("payload")) > max_nesting), F.lit("nested_too_deep")),
        )
    )
    text = F.when(F.col(UNREADABLE).isNull(), F.btrim("payload", F.lit(BOM + " \t\r\n")))
    trimmed = bronze.withColumn(UNREADABLE, dangerous).withColumn("__text", text)
    # As the first element of a list that ends with null: the parser stops after the first value, so `{..}{..}` would lose the
    # second, and what follows a `]` in the text (the last line of a list of records) would never be seen.
    in_list = F.when(F.startswith("__text", F.lit("{")), F.concat(F.lit("["), "__text", F.lit(",null]")))
    listed = trimmed.withColumn(_LIST, F.from_json(in_list, T.ArrayType(fields), _OPTIONS))
    return listed.withColumn(UNREADABLE, _unreadable(file_format)).withColumn(RAW, F.get(_LIST, F.lit(0))).drop(_LIST, "__text")


def _unreadable(file_format: Format) -> Column:
    first, end = F.get(_LIST, F.lit(0)), F.get(_LIST, F.lit(1))
    is_one = F.coalesce((F.size(_LIST) == 2) & first.isNotNull() & end.isNull(), F.lit(False))
    code = F.when(F.col(UNREADABLE).isNotNull(), F.col(UNREADABLE)).when(~is_one, F.lit(f"not_{file_format}"))
    if file_format == "csv":  # an object made from a header repeats no key
        return code
    keys = F.json_object_keys("__text")
    return code.when(F.size(keys) > F.size(F.array_distinct(keys)), F.lit("duplicate_keys"))


def _brackets(text: Column) -> Column:
    """How many lists and objects are opened: an upper bound of the depth that costs no parse."""
    return 2 * F.octet_length(text) - F.octet_length(F.replace(text, F.lit("["))) - F.octet_length(F.replace(text, F.lit("{")))


def _depth(text: Column) -> Column:
    """The deepest nesting; brackets within texts are not counted. For the few records with many brackets."""
    bare = F.regexp_replace(text, r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', "")  # no alternation: Java would recurse over it
    start = F.struct(F.lit(0).alias("now"), F.lit(0).alias("most"))

    def walk(state: Column, bracket: Column) -> Column:
        now = state["now"] + F.when(bracket.isin("[", "{"), F.lit(1)).otherwise(F.lit(-1))
        return F.struct(now.alias("now"), F.greatest(state["most"], now).alias("most"))

    return F.aggregate(F.regexp_extract_all(bare, F.lit(r"([\[\]{}])")), start, walk, lambda state: state["most"])
