"""The command line, a function per verb. Imports what a verb needs when it is called."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

app = typer.Typer(
    name="mapping-spark",
    help="Raw events to clean Delta tables, recommendations and campaign KPIs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its renderer imports Markdown and highlighters: 0.3 s before a line of help
)

Env = Annotated[str, typer.Option(help="Settings overlay: conf/<env>.yml.")]
AsOf = Annotated[str | None, typer.Option(help="YYYY-MM-DD; only events of earlier business days are used.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting; repeatable.")]
First = Annotated[str | None, typer.Option("--from", metavar="JOB", help="Of all: begin with this job.")]
Last = Annotated[str | None, typer.Option("--to", metavar="JOB", help="Of all: end with this job.")]

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen and write nothing.")]


class RunsFormat(StrEnum):
    """How `runs` shows the ledger."""

    TABLE = "table"
    PROMETHEUS = "prometheus"
    OPENLINEAGE = "openlineage"


@app.command()
def demo() -> None:
    """Run every job on real data and show it.

    The Complete Journey, as of 2017-12-01.
    """
    from mapping_spark import console, pipeline
    from mapping_spark.report.ask import Ask
    from mapping_spark.report.page import write_page
    from mapping_spark.summary import show_summary

    settings, as_of, store = pipeline.open_environment("demo", None, [])
    show_summary(store, as_of, pipeline.run_all(settings, as_of, store))
    with console.waiting("writing the page"):
        written = write_page(Ask(store, as_of, pipeline.all_jobs()))
    console.say(f"\nA page to look at: {written}")


@app.command()
def run(job: Annotated[str, typer.Argument(help="A job's name, or `all`.")], env: Env = "demo", as_of: AsOf = None,
        overrides: Overrides = None, dry_run: DryRun = False, first: First = None, last: Last = None) -> None:  # fmt: skip
    """Run one job, or all of them.

    All run in the order of their declared reads and writes; --from and --to choose a part of it.
    """
    from mapping_spark import pipeline

    chosen = pipeline.choose(job, first, last)
    settings, date, store = pipeline.open_environment(env, as_of, overrides or [])
    pipeline.run_all(settings, date, store, chosen, dry_run=dry_run)


@app.command()
def backtest(origins: Annotated[list[str], typer.Argument(help="Dates YYYY-MM-DD; each is judged by the days from then on.")],
             env: Env = "demo", overrides: Overrides = None) -> None:  # fmt: skip
    """Fit and evaluate as of several dates.

    One slice of gold.model_metrics per date (rolling origin).
    """
    from mapping_spark import experiments, pipeline
    from mapping_spark.summary import show_backtest

    settings, _, store = pipeline.open_environment(env, origins[0], overrides or [])
    dates = [settings.date(origin) for origin in origins]
    experiments.backtest(settings, dates, store)
    show_backtest(store, settings.gate, dates)


@app.command()
def tune(model: Annotated[str, typer.Argument(help="A model with a declared space, such as als.")], env: Env = "demo",
         as_of: AsOf = None, overrides: Overrides = None) -> None:  # fmt: skip
    """Search a model's settings.

    On the days before the date; the days after it stay unread.
    """
    from mapping_spark import experiments, pipeline

    settings, date, store = pipeline.open_environment(env, as_of, overrides or [])
    experiments.tune(settings, date, store, model)


@app.command()
def report(env: Env = "demo", as_of: AsOf = None, overrides: Overrides = None) -> None:
    """Write the page to look at.

    One HTML file, <root>/report/index.html, from the tables as they are; runs no job.
    """
    from mapping_spark import console, pipeline
    from mapping_spark.report.ask import Ask
    from mapping_spark.report.page import write_page

    _, date, store = pipeline.open_environment(env, as_of, overrides or [])
    console.say(write_page(Ask(store, date, pipeline.all_jobs())))


@app.command()
def rollback(env: Env = "demo", overrides: Overrides = None) -> None:
    """Serve the previous champion again.

    From the next `run recommend` on; gold.promotions keeps who was served when.
    """
    from mapping_spark import console, pipeline
    from mapping_spark.evaluation.promote import roll_back

    _, _, store = pipeline.open_environment(env, None, overrides or [])
    changed = roll_back(store)
    console.say(f"{changed['to']} is the champion again, instead of {changed['from']}. Next: mapping-spark run recommend --env {env}")


@app.command()
def publish(env: Env = "demo", overrides: Overrides = None) -> None:
    """Name the tables in the catalog.

    Gold, ops and the BI views, with comments, for SQL clients; again changes nothing.
    """
    from mapping_spark import console, logs, sql
    from mapping_spark.settings import load_settings
    from mapping_spark.tables.publish import publish as publish_tables

    logs.configure()
    settings = load_settings(env, overrides or [])
    with console.waiting("publishing"):
        entries = publish_tables(sql.open_catalog(settings), settings.sql.catalog)
    console.show_published(entries, settings.store.catalog or settings.sql.catalog)


@app.command()
def sql(env: Env = "demo", overrides: Overrides = None) -> None:
    """Answer SQL from BI tools.

    Publishes, then serves JDBC, ODBC and DB-API clients on this machine until stopped.
    """
    from mapping_spark import console, logs
    from mapping_spark import sql as server
    from mapping_spark.settings import load_settings
    from mapping_spark.tables.publish import publish as publish_tables

    logs.configure()
    settings = load_settings(env, overrides or [])
    listening = server.server_settings(settings.sql.port)
    with console.waiting("starting Spark"):
        store = server.open_catalog(settings, listening)
        entries = publish_tables(store, settings.sql.catalog)
    server.serve(store.spark, settings.sql.port, lambda: console.show_server(entries, server.HOST, settings.sql.port))


@app.command()
def jobs() -> None:
    """List the jobs and their tables.

    In running order, with what each reads and writes.
    """
    from mapping_spark import console, pipeline

    console.show_jobs(pipeline.declared_jobs())


@app.command()
def graph(
    format_: Annotated[str, typer.Option("--format", help="mermaid, dot, databricks, airflow or kubernetes.")] = "mermaid",
    env: Env = "prod",
) -> None:
    """Print the jobs as a graph or for a scheduler.

    From their declared reads and writes.
    """
    from mapping_spark import graph as graphs
    from mapping_spark import pipeline

    print(graphs.render(format_, graphs.steps(pipeline.all_jobs()), env), end="")


@app.command()
def runs(env: Env = "demo", overrides: Overrides = None, job: Annotated[str | None, typer.Option(help="Only this job.")] = None,
         latest: Annotated[int, typer.Option(help="How many, latest first.")] = 30,
         format_: Annotated[RunsFormat, typer.Option("--format", help="A table, or a text for another system.")] = RunsFormat.TABLE,
         ) -> None:  # fmt: skip
    """Show the ledger.

    Which job ran when, for which date, how long, and how it ended; or the same as metrics (prometheus, all runs) or events (openlineage).
    """
    from mapping_spark import lineage, monitoring, pipeline

    _, _, store = pipeline.open_environment(env, "1970-01-01", overrides or [])
    chosen = lineage.ledger(store, job)
    if format_ is RunsFormat.PROMETHEUS:
        print(monitoring.prometheus(monitoring.latest_by_status(chosen).collect()), end="")  # two rows per job
    elif format_ is RunsFormat.OPENLINEAGE:
        print(monitoring.openlineage(lineage.latest_runs(chosen, latest), pipeline.declared_jobs(), f"mapping_spark.{env}"), end="")
    else:
        lineage.show_runs(lineage.latest_runs(chosen, latest))


@app.command(name="lineage")
def show_lineage(table: Annotated[str, typer.Argument(help="A table, such as gold.recommendations.")], env: Env = "demo",
                 as_of: AsOf = None, overrides: Overrides = None,
                 recommendation: Annotated[str | None, typer.Option(help="A recommendation_id: where that row came from.")] = None,
                 ) -> None:  # fmt: skip
    """Show where a table came from.

    The runs behind it and the table versions that each of them read, or those behind a single recommendation.
    """
    from mapping_spark import lineage, pipeline

    _, date, store = pipeline.open_environment(env, as_of, overrides or [])
    lineage.show(store, pipeline.declared_jobs(), table, date, recommendation)


@app.command()
def tables(name: Annotated[str | None, typer.Argument(help="A table, such as gold.recommendations.")] = None,
           output: Annotated[str | None, typer.Option("--format", help="`md` or `html`: the dictionary with lineage, as text.")] = None,
           ) -> None:  # fmt: skip
    """Show the data dictionary.

    All tables, or one with its columns, key, checks and measures.
    """
    from mapping_spark import console

    if output is None:
        console.show_tables(name)
        return
    from mapping_spark import pipeline

    print(console.dictionary(name, output, pipeline.declared_jobs()), end="")


@app.command()
def doctor() -> None:
    """Check this machine, say the fixes.

    Python, Java, packages, the Delta jar, Horovod's build and write access.
    """
    from mapping_spark import console
    from mapping_spark.doctor import diagnose

    healthy = console.show_diagnosis(diagnose())
    raise typer.Exit(0 if healthy else 3)


def main() -> None:
    """Entry point: a declared fault is one line and its exit code, without a traceback."""
    from mapping_spark.errors import MappingSparkError
    from mapping_spark.secrets import hide

    try:
        app()
    except MappingSparkError as fault:
        print(hide(f"{type(fault).__name__}: {fault}"), file=sys.stderr)
        sys.exit(fault.exit_code)


if __name__ == "__main__":
    main()
