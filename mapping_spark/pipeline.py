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


def all_jobs() -> list[Job]:
    """Every job under `jobs/`, in running order."""
    package = importlib.import_module("jobs")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return in_order({name: importlib.import_module(f"jobs.{name}").JOB for name in names})


def choose(name: str) -> list[Job]:
    """The job of that name, or all of them for `all`."""
    jobs = all_jobs()
    chosen = [job for job in jobs if name in (job.name, "all")]
    if not chosen:
        raise ConfigError("run", f"no job {name!r}", f"`all` or one of {[job.name for job in jobs]}", "See mapping-spark jobs.")
    return chosen


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
            console.say("\n".join(plan(job, settings, as_of, store)))
            continue
        with console.waiting(f"{number}/{len(chosen)} {job.name}"):
            outcome = execute(job, settings, as_of, store, done)
        console.say(f"{number:2d}/{len(chosen)} {outcome}")
        outcomes.append(outcome)
    return outcomes
