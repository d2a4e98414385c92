"""What the README shows is run, and what it lists is what there is."""

from __future__ import annotations

import re
from pathlib import Path

from mapping_spark.errors import EXIT_CODES
from mapping_spark.models.registry import available

PROJECT = Path(__file__).resolve().parent.parent
README = (PROJECT / "README.md").read_text()


def test_the_python_example_is_the_documented_one() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert block in (PROJECT / "docs" / "notebooks.md").read_text()  # test_prompt.py runs it


def test_exit_codes_models_and_files_are_the_real_ones() -> None:
    assert all(f"| {code} | {meaning} |" in README for code, meaning in EXIT_CODES.items())
    assert all(f"| `{name}` |" in README for name in available())
    for path in re.findall(r"`((?:mapping_spark|conf|jobs)/[\w./]+\.\w+)`", README):
        assert (PROJECT / path).exists(), path


def test_the_make_targets_it_names_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"(?:`| {4})make ([a-z-]+)", README)) <= targets
