"""Files to records: every record as text, as delivered, with its file and its position there.

JSON lines stay as they are. A Parquet row becomes a JSON object. A CSV line becomes a JSON object by the header of its
own file; one that does not fit the header stays as it is. So cleaning has one road. Blank lines are no records.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from multiprocessing.pool import ThreadPool

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mapping_spark.errors import SchemaDrift
from mapping_spark.ingest.source import Format

Header = tuple[tuple[str, str | None], ...]
"""Columns of a file in order: (name, Spark type), or (name, None) where the format carries no types."""

BOM = "\ufeff"
_CORRUPT = "__corrupt"
_MOST_FIELDS = 20_000  # beyond 20,480 the CSV parser fails the task instead of the record
_TIMES = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX", "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS"}
_SPREAD_ROWS = 8_192  # neighbours stay together, for compression's sake
_PATTERN_SIGNS = re.compile(r"([\\\[\]{}*?])")


def headers(spark: SparkSession, files: Sequence[str], file_format: Format, delimiter: str) -> dict[str, Header]:
    """The columns of each file, from Parquet footers or first CSV lines, a few files at a time.

    Raises `SchemaDrift` naming a file that cannot be read as its format.
    """

    def header(file: str) -> Header:
        try:
            return _parquet_header(spark, file) if file_format == "parquet" else _csv_header(spark, file, delimiter)
        except (PySparkException, Py4JJavaError) as fault:  # a broken footer comes as the latter
            found = f"not readable ({type(fault).__name__})"
            raise SchemaDrift(f"file {file}", found, f"a {file_format} file", "Nothing was written. Mend or remove the file.") from fault

    with ThreadPool(8) as pool:
        return dict(zip(files, pool.map(header, files), strict=True))


def json_records(spark: SparkSession, files: Sequence[str]) -> DataFrame:
    """Records of JSON-lines files."""
    return _as_text(_lines(spark, files))


def parquet_records(spark: SparkSession, header_of: Mapping[str, Header]) -> DataFrame:
    """Records of Parquet files; a null field is left out of its JSON object."""

    cores = spark.sparkContext.defaultParallelism

    def read(files: list[str], _: Header) -> DataFrame:
        position = F.col("_metadata.file_path").alias("source_file"), F.col("_metadata.row_index").alias("source_offset")
        rows = spark.read.parquet(*map(escaped, files)).select(*position, F.struct("*").alias("row"))
        # A file of one row group is read by one core, however many there are; writing it as text is the larger part.
        spread = rows.repartition(cores, F.floor(F.col("source_offset") / _SPREAD_ROWS)) if len(files) < cores else rows
        encoding = F.lit("utf-8").alias("payload_encoding")
        return spread.select("source_file", "source_offset", F.to_json("row", _TIMES).alias("payload"), encoding)

    return _by_header(header_of, read)


def csv_records(spark: SparkSession, header_of: Mapping[str, Header], delimiter: str) -> DataFrame:
    """Records of CSV files. A line that repeats the header is a header."""

    def read(files: list[str], header: Header) -> DataFrame:
        names = [name for name, _ in header]
        lines = _lines(spark, files).withColumn("text", F.rtrim("text", F.lit("\r")))
        n_fields = F.length("text") - F.length(F.replace("text", F.lit(delimiter)))
        # The three things that a JSON object would hide from cleaning, or that the parser cannot survive.
        is_sound = F.is_valid_utf8("text") & ~F.contains("text", F.lit("\0")) & (n_fields < _MOST_FIELDS)
        ddl = ", ".join(f"`{name.replace('`', '``')}` STRING" for name in (*names, _CORRUPT))  # the file's own header
        options = {"sep": delimiter, "escape": '"', "columnNameOfCorruptRecord": _CORRUPT}  # RFC 4180: a quote is doubled
        fields = [F.col("fields")[name] for name in names]
        cells = F.array(*(F.trim(F.coalesce(field, F.lit(_unnamed(i)))) for i, field in enumerate(fields)))
        fits = is_sound & F.col("fields")[_CORRUPT].isNull()
        as_object = F.to_json(F.struct(*(field.alias(name) for field, name in zip(fields, names, strict=True))))
        parsed = lines.withColumn("fields", F.from_csv(F.when(is_sound, F.ltrim("text", F.lit(BOM))), ddl, options))
        bodies = parsed.where(~F.coalesce(fits & (cells == F.array(*map(F.lit, names))), F.lit(False)))
        return _as_text(bodies.withColumn("text", F.when(fits, as_object).otherwise(F.col("text"))))

    return _by_header(header_of, read)


def escaped(path: str) -> str:
    """A file's path so that Spark does not take the signs in its name for a pattern."""
    return _PATTERN_SIGNS.sub(r"\\\1", path)


def _parquet_header(spark: SparkSession, file: str) -> Header:
    return tuple(spark.read.parquet(escaped(file)).dtypes)


def _csv_header(spark: SparkSession, file: str, delimiter: str) -> Header:
    first = spark.read.option("lineSep", "\n").text(escaped(file)).head()
    cells = next(csv.reader([first[0].strip(BOM + "\r")], delimiter=delimiter), []) if first else []
    names = [cell.strip() or _unnamed(number) for number, cell in enumerate(cells)]
    lowered = [name.lower() for name in names]
    repeated = sorted({name for name in names if lowered.count(name.lower()) > 1})
    if repeated:
        fix = "Nothing was written. Rename one of them in the file."
        raise SchemaDrift(f"file {file}", f"the columns {repeated} twice", "each column once (SQL ignores case)", fix)
    return tuple((name, None) for name in names)


def _unnamed(number: int) -> str:
    return f"_c{number}"


def _lines(spark: SparkSession, files: Sequence[str]) -> DataFrame:
    """Lines of text files (source_file, source_offset, text) that are not blank; offsets grow within a part of a file."""
    lines = spark.read.option("lineSep", "\n").text([escaped(file) for file in files])
    numbered = lines.select(
        F.col("_metadata.file_path").alias("source_file"),
        F.monotonically_increasing_id().alias("source_offset"),
        F.col("value").alias("text"),
    )
    return numbered.where(F.length(F.trim(F.col("text"), F.lit(" \t\r" + BOM))) > 0)


def _as_text(frame: DataFrame) -> DataFrame:
    """Payload and its encoding from `text`: base64 where the bytes are not UTF-8, since a table holds only text."""
    is_text = F.is_valid_utf8("text")
    payload = F.when(is_text, F.col("text")).otherwise(F.base64(F.col("text").cast("binary")))
    encoding = F.when(is_text, F.lit("utf-8")).otherwise(F.lit("base64"))
    return frame.select("source_file", "source_offset", payload.alias("payload"), encoding.alias("payload_encoding"))


def _by_header(header_of: Mapping[str, Header], read: Callable[[list[str], Header], DataFrame]) -> DataFrame:
    """Files of one header are read together, then all are put together."""
    groups: dict[Header, list[str]] = {}
    for file, header in header_of.items():
        groups.setdefault(header, []).append(file)
    return reduce(DataFrame.unionByName, (read(files, header) for header, files in groups.items()))
