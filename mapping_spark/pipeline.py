"""All jobs together: find them, order them by their declarations, run them with a line of progress each."""

from __future__ import annotations

import datetime as dt
import importlib
import pkgutil
from collections.abc import Sequence

from mapping_spark import console, logs
from mapping_spark.errors import ConfigError
from mapping_spark.job import Job, Outcome, execute, in_order, open_store, plan
from mapping_spark.settings import Settings, load_settings
from mapping_spark.tables.runs import latest_keys
from mapping_spark.tables.store import Store


def declared_jobs() -> list[Job]:
    """Every job under `jobs/`, in running order, those with a schedule of their own last."""
    package = importlib.import_module("jobs")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return sorted(in_order({name: importlib.import_module(f"jobs.{name}").JOB for name in names}), key=lambda job: job.by_itself)


def all_jobs() -> list[Job]:
    """The jobs of `run all`, in running order: those without a schedule of their own."""
    return [job for job in declared_jobs() if not job.by_itself]


def choose(name: str, first: str | None = None, last: str | None = None) -> list[Job]:
    """The job of that name, or all of them for `all`, in running order; of all, those from `first` to `last`, both included."""
    jobs = all_jobs() if name == "all" else declared_jobs()
    names = [job.name for job in jobs]
    unknown = [given for given in (name if name != "all" else None, first, last) if given is not None and given not in names]
    if unknown:
        raise ConfigError("run", f"no job {', '.join(map(repr, unknown))}", f"`all` or one of {names}", "See mapping-spark jobs.")
    if name != "all" and (first or last):
        raise ConfigError("--from, --to", f"given with the job {name}", "`all`", "Say run all --from JOB --to JOB.")
    start, end = names.index(first or names[0]), names.index(last or names[-1])
    if start > end:
        raise ConfigError("--from, --to", f"{first} runs after {last}", "the earlier job first", "Exchange them; see mapping-spark jobs.")
    return jobs[start : end + 1] if name == "all" else [jobs[names.index(name)]]


def open_environment(env: str, as_of: str | None, overrides: Sequence[str]) -> tuple[Settings, dt.date, Store]:
    """Settings (all faults told before Spark starts), the date, and the store with its session."""
    logs.configure()
    settings = load_settings(env, overrides)
    date = settings.date(as_of)
    with console.waiting("starting Spark"):
        store = open_store(f"mapping_spark {env}", settings)
    return settings, date, store


def run_all(settings: Settings, as_of: dt.date, store: Store, jobs: Sequence[Job] | None = None, *, dry_run: bool = False) -> list[Outcome]:
    """Run the jobs one after the other; stops at the first that fails."""
    outcomes: list[Outcome] = []
    chosen = all_jobs() if jobs is None else jobs
    done = {} if dry_run else latest_keys(store, as_of)
    for number, job in enumerate(chosen, start=1):
        if dry_run:
            for line in plan(job, settings, as_of, store):
                console.say(line)
            continue
        with console.waiting(f"{number}/{len(chosen)} {job.name}"):
            outcome = execute(job, settings, as_of, store, done)
        console.say(f"{number:2d}/{len(chosen)} {outcome}")
        outcomes.append(outcome)
    return outcomes
