"""The results of `make bench-quality` as a Markdown table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

OWN, DEEP = "quality.py", "deep.json"
"""Where a row comes from."""
HEAD = ("data / model", "protocol", "measures", "measured", "better than popularity by", "published", "settings", "seed", "s", "from")
CROWD = ("popularity_all_time", "item_mean")


def table(rows: Mapping[str, Any]) -> str:
    """A line per model and protocol, data set by data set."""
    ordered = sorted(rows, key=lambda name: name.split("/")[0])
    cells = (line for name in ordered for line in _lines(name, rows[name]))
    return "\n".join(f"| {' | '.join(line)} |" for line in (HEAD, ("---",) * len(HEAD), *cells))


def _lines(name: str, row: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    if "skipped" in row:
        yield (name, f"skipped: {row['skipped']}", *("",) * (len(HEAD) - 2))
        return
    is_short = row["from"] != DEEP
    settings = ", ".join(f"{key} {value}" for key, value in row.get("settings", {}).items()) if is_short else f"in {DEEP}"
    seconds = row.get("seconds", {}).get("all")
    for protocol, test in row["tests"].items():
        metrics = [metric for metric in test["measured"] if not metric.endswith("_half")]
        yield (
            name,
            protocol,
            " / ".join(metrics),
            " / ".join(f"{test['measured'][metric]:.4f}" for metric in metrics),
            _better(test.get("above", {})),
            test.get("published") or "-",
            settings or "-",
            str(row.get("seed", "-")),
            "-" if seconds is None else f"{seconds:.0f}",
            row["from"],
        )


def _better(above: Mapping[str, Mapping[str, float]]) -> str:
    """The paired difference to the crowd's row, with half the width of its 95 % interval."""
    crowd = next((above[name] for name in CROWD if name in above), {})
    return " / ".join(f"{crowd[metric]:+.4f} ± {crowd[f'{metric}_half']:.4f}" for metric in crowd if not metric.endswith("_half")) or "-"
