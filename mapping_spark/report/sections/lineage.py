"""Lineage: which job reads and writes which table, and at which versions it last did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from mapping_spark.job import Job
from mapping_spark.report.ask import Answer, Ask
from mapping_spark.report.blocks import Grid, Section, count, number, words

VERSIONS = """
WITH runs AS (
    SELECT job, max_by(struct(*), struct(ended_at, run_id)) AS run
    FROM ops.job_runs
    WHERE as_of_date = :as_of AND status = 'succeeded'
    GROUP BY job
)
SELECT job, run.output_table AS first_table, run.output_version AS output_version,
       array_join(transform(map_entries(from_json(run.input_versions, 'map<string,string>')),
                            read -> concat(read.key, ' @ ', coalesce(read.value, '-'))), ', ') AS read_versions,
       run.run_id AS run_id
FROM runs
ORDER BY run.started_at, job
"""


@dataclass(frozen=True)
class Matrix:
    """Jobs downwards in running order, tables to the right in the order they are first written: reads lie left of writes."""

    kind: ClassVar[str] = "matrix"
    title: str
    caption: str
    answer: Answer
    jobs: Sequence[Job]

    @property
    def answers(self) -> tuple[Answer, ...]:
        """Whose query stands below it."""
        return (self.answer,)

    @property
    def tables(self) -> list[str]:
        """Columns."""
        return list(dict.fromkeys(table.name for job in self.jobs for table in job.writes))

    @property
    def rows(self) -> list[tuple[str, list[str]]]:
        """Job, and per table `writes`, `reads` or nothing."""
        found = []
        for job in self.jobs:
            writes, reads = {table.name for table in job.writes}, {table.name for table in (*job.reads, *job.rules)}
            found.append((job.name, ["writes" if name in writes else "reads" if name in reads else "" for name in self.tables]))
        return found


def section(ask: Ask) -> Section:
    """The declared jobs and tables, then the versions of the latest runs."""
    versions = ask("versions", VERSIONS)
    matrix = Matrix(
        "Who reads and who writes",
        "A full square writes, a dot reads. Jobs stand in running order and tables in the order they are first written, so whatever a job "
        "reads was written further up. Each table has one writer.",
        versions,
        ask.jobs,
    )
    lead = (
        f"{count(len(ask.jobs))} jobs write {count(len(matrix.tables))} tables. Their order is typed nowhere: it follows from what "
        "they declare to read and write. Every run pins the versions it reads."
    )
    columns = (
        words("job", "job"),
        words("writes first", "first_table"),
        number("version", "output_version"),
        words("read, at version", "read_versions"),
        words("run", "run_id", lambda run_id: run_id[:8]),
    )
    return Section(lead, (matrix, Grid("Versions of the latest runs", versions, columns)))
