"""Where a declared path lies: on disk or in object storage as written, or inside an installed package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from mapping_spark.errors import MissingInput

PACKAGE_SCHEME = "package://"


def resolve_path(path: str, where: str) -> str:
    """`package://name/inner/file` as a path on this machine; any other path unchanged.

    Raises `MissingInput` (naming `where`) if the package is not installed or lacks the file.
    """
    if not path.startswith(PACKAGE_SCHEME):
        return path
    package, _, inner = path.removeprefix(PACKAGE_SCHEME).partition("/")
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (Path(folder) / inner).exists():
            return str(Path(folder) / inner)
    raise MissingInput(where, f"no {inner!r} in the package {package!r}", "an installed package with that file", f"pip install {package}.")
