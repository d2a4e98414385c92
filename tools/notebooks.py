"""Run notebooks that stand in Databricks' source format, and render each as a Jupyter notebook and as HTML, outputs included.

    python tools/notebooks.py OUTPUT_FOLDER notebooks/*.py

Each runs in a kernel of its own, in the current folder. Stops at the first cell that fails, with its error as it was told.
"""

# mypy: disable-error-code="no-untyped-call"
# (nbformat and nbconvert annotate only some of their functions)

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter
from nbconvert.preprocessors import ExecutePreprocessor

HEADER = "# Databricks notebook source"
_BREAK = "# COMMAND ----------"
_MAGIC = "# MAGIC"
_CELL_SECONDS = 900


def as_notebook(source: str) -> nbformat.NotebookNode:
    """The cells of a notebook in Databricks' source format: prose where a cell says `%md`, else code, magics as Jupyter has them."""
    cells = []
    for cell in source.removeprefix(HEADER).split(_BREAK):
        text = "\n".join(
            line.removeprefix(_MAGIC).removeprefix(" ") if line.startswith(_MAGIC) else line for line in cell.split("\n")
        ).strip()
        is_prose = text.startswith("%md")
        cells.append(nbformat.v4.new_markdown_cell(text.removeprefix("%md").strip()) if is_prose else nbformat.v4.new_code_cell(text))
    for number, each in enumerate(cells):
        each["id"] = f"cell-{number}"  # the same source gives the same file
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook: nbformat.NotebookNode = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
    return notebook


def render(path: Path, folder: Path) -> Path:
    """Run the notebook and write <name>.ipynb and <name>.html to `folder`; returns the latter. Raises what a cell raised."""
    notebook = as_notebook(path.read_text(encoding="utf-8"))
    try:
        ExecutePreprocessor(timeout=_CELL_SECONDS).preprocess(notebook, {"metadata": {"path": "."}})
    finally:
        nbformat.write(notebook, folder / f"{path.stem}.ipynb")
    html, _ = HTMLExporter(embed_images=True).from_notebook_node(notebook, {"metadata": {"name": path.stem}})
    page = folder / f"{path.stem}.html"
    page.write_text(html, encoding="utf-8")
    return page


def main(folder: str, *paths: str) -> int:
    """Render all; 1 where a cell failed."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for path in paths:
        try:
            print(render(Path(path), Path(folder)), flush=True)
        except CellExecutionError as fault:
            print(f"{path}: {fault.ename}: {fault.evalue}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
