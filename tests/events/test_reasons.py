"""Every reason has words, and every check of silver.events has a reason."""

from __future__ import annotations

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mapping_spark.events.reasons import CODE_OF_CHECK, codes_of, in_words, sentence
from mapping_spark.tables.silver import EVENTS


def test_every_check_of_the_contract_has_a_reason() -> None:
    assert set(CODE_OF_CHECK) == {check.name for check in EVENTS.checks}


def test_every_code_has_words() -> None:
    codes = codes_of(["price"])
    assert set(CODE_OF_CHECK.values()) <= codes
    assert [code for code in codes if sentence(code) == code] == []
    assert sentence("bad_type_price") == "price does not have its declared type"
    assert sentence("user_id_missing") == "user_id is missing, empty or blank"


def test_codes_in_words_keep_their_order(spark: SparkSession) -> None:
    found = spark.range(1).select(in_words(F.lit("not_utf8,value_negative"), codes_of([]))).collect()[0][0]
    assert found == "the bytes are not UTF-8 text; value is negative"
