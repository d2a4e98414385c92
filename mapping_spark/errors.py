"""Every error this package raises on purpose: where, what was found, what was expected, what to do.

A class is a kind of fault with one exit code, so that a scheduler can tell a wrong setting (do not
retry) from a broken input (look at the data) and from a failure underneath (retry).
"""

from __future__ import annotations


class MappingSparkError(Exception):
    """A fault a person can act on. `exit_code` is what a job's process ends with."""

    exit_code = 1

    def __init__(self, where: str, found: str, expected: str, fix: str) -> None:
        self.where, self.found, self.expected, self.fix = where, found, expected, fix
        super().__init__(f"{where}: {found}; expected {expected}. {fix}")


class ConfigError(MappingSparkError):
    """A setting, a declaration or a command-line value is wrong. Raised before Spark starts."""

    exit_code = 2


class EnvironmentFault(MappingSparkError):
    """Python, Java, a package, the Delta jar or the session is not what this project needs."""

    exit_code = 3


class ContractError(MappingSparkError):
    """A frame does not fit its table's declaration. Raised before anything is written."""

    exit_code = 4


class LeakFound(MappingSparkError):
    """Something an evaluation learns from reaches past the split it is judged by. Raised before anything is written."""

    exit_code = 4


class SchemaDrift(MappingSparkError):
    """A source lost or changed a column that its declaration reads. Raised before anything is written."""

    exit_code = 4


class QualityError(MappingSparkError):
    """Too many records were rejected, or a table leaves a limit that stops. Raised after the rows that show it are written."""

    exit_code = 5


class MissingInput(MappingSparkError):
    """A table, an artifact or a file that a job reads is not there yet."""

    exit_code = 6


class TrainingFault(MappingSparkError):
    """Training stopped on every rank: a loss that is no number, or a rank that died or hangs. A new run resumes."""

    exit_code = 7


class LockHeld(MappingSparkError):
    """Another run of the same job holds the lock of its table and date. Raised before anything is written."""

    exit_code = 8


EXIT_CODES: dict[int, str] = {
    0: "done, or nothing to do",
    1: "an unexpected failure (the message holds the cause)",
    2: "a wrong setting, declaration or option; nothing was started",
    3: "the environment: Python, Java, packages, the Delta jar, the session",
    4: "the data does not fit a contract (columns, types, keys); nothing was written",
    5: "the data is too poor: rejected records lie in silver.quarantine, limits that were left in ops.*_drift",
    6: "an input table or artifact is missing; run the job that writes it",
    7: "training stopped on every rank (the message names rank and cause); a new run resumes",
    8: "another run holds the lock of the same table and date (the message says which); try again later",
}
"""What a process of this project ends with, for schedulers and the README."""
