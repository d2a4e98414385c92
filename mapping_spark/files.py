"""Files beside the tables (locks, Delta's log, snapshots, checkpoints, the page): the one place that opens the file system of a root.

Tables are read and written by Spark, on S3 by Hadoop's client and its settings (`spark.hadoop.fs.s3a.*`). These files are read and
written by pyarrow, in the driver, in Spark's Python tasks and in the ranks of a training. So that all of them speak to the same
store as the same user, `session` hands on what Spark was told, in the environment of those processes: never in a setting of
Spark, a table, an artifact or a log. Where Spark was told nothing, S3's usual chain decides (AWS_* variables, profile, role).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from pyarrow import fs

from mapping_spark.errors import ConfigError

S3_VARIABLE = "MAPPING_SPARK_S3"
"""Environment variable that carries `s3_options` as JSON."""
_S3_SCHEMES = ("s3", "s3a", "s3n")
_SCHEMES = (*_S3_SCHEMES, "file", "gs", "hdfs", "viewfs")
_KEYS = {"access_key": "access.key", "secret_key": "secret.key", "session_token": "session.token"}
"""pyarrow's names and Hadoop's."""


def filesystem(place: str) -> tuple[fs.FileSystem, str]:
    """Who reads a folder or URI, and its path there. Raises `ConfigError` for a scheme that only Spark can open."""
    scheme, separator, path = place.partition("://")
    if not separator:
        return fs.LocalFileSystem(), place
    if scheme not in _SCHEMES:
        fix = "Mount the store as a folder that driver and executors see, or use one of these. Inputs may lie anywhere that Spark reads."
        raise ConfigError("store.root", f"{scheme}:// in {place}", f"a folder, or one of {', '.join(_SCHEMES)}", fix)
    return (_s3(path.partition("/")[0]), path) if scheme in _S3_SCHEMES else fs.FileSystem.from_uri(place)


def is_local(files: fs.FileSystem) -> bool:
    """Whether it has what an object store lacks: a file that only one creates, and a name that is given in one step."""
    return isinstance(files, fs.LocalFileSystem)


def s3_options(setting: Callable[[str], str | None]) -> Mapping[str, Any]:
    """Arguments of pyarrow's `S3FileSystem` from Hadoop's settings, which `setting` finds by their names after `fs.s3a.`.

    Only what was set. The token of a session counts with its keys only.
    """
    found = {name: setting(key) for name, key in _KEYS.items()}
    options: dict[str, Any] = {name: value for name, value in found.items() if value} if found["access_key"] else {}
    endpoint, region = setting("endpoint"), setting("endpoint.region")
    if endpoint:
        plain = setting("connection.ssl.enabled") == "false" or endpoint.startswith("http://")
        options |= {"endpoint_override": re.sub(r"^https?://", "", endpoint).rstrip("/"), "scheme": "http" if plain else "https"}
        options |= {"force_virtual_addressing": True} if setting("path.style.access") == "false" else {}
    return options | ({"region": region} if region else {})


def _s3(bucket: str) -> fs.S3FileSystem:
    return _opened(bucket, os.environ.get(S3_VARIABLE, "{}"), os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"))


@cache
def _opened(bucket: str, given: str, region: str | None) -> fs.S3FileSystem:
    """One client per process and bucket. Of a bucket of AWS in a region that nobody named, AWS is asked."""
    options = json.loads(given)
    if "endpoint_override" not in options and not (region or "region" in options):
        options["region"] = fs.resolve_s3_region(bucket)
    return fs.S3FileSystem(**({"region": region} if region else {}) | options)
