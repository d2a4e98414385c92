"""What came in and what became of it."""

from mapping_spark.report.ask import Ask
from mapping_spark.report.blocks import Grid, Section, count, number, share, words
from mapping_spark.report.flow import FATES, Flow

RECORDS = """
SELECT source, SUM(n_in) AS n_in, SUM(n_clean) AS n_clean, SUM(n_duplicate) AS n_duplicate,
       SUM(n_quarantined) AS n_quarantined, SUM(n_late) AS n_late, MAX(max_event_date) AS latest_day
FROM ops.event_accounting
GROUP BY source
ORDER BY n_in DESC, source
"""


def section(ask: Ask) -> Section:
    """Every delivered record, by source and fate."""
    records = ask("records", RECORDS)
    n_in, n_clean = records.total("n_in"), records.total("n_clean")
    adds_up = all(row["n_in"] == sum(row[fate] for fate in FATES) for row in records.records)
    proof = "In every source the four add up to what came in, to the record." if adds_up else "The numbers do NOT add up: see the table."
    lead = (
        f"{count(n_in)} records came in; {count(n_clean)} of them ({share(n_clean / n_in if n_in else None)}) went on as clean events, "
        f"{count(records.total('n_quarantined'))} were set aside with the reason beside them. {proof}"
    )
    caption = "Bands are as broad as their records; one too thin to see is drawn two pixels broad. Nothing is dropped on the way."
    columns = (
        words("source", "source"),
        number("in", "n_in"),
        *(number(name, column) for column, name in FATES.items()),
        words("latest day", "latest_day"),
    )
    return Section(
        lead,
        (Flow("From source to fate", caption, records), Grid("Records by source", records, columns)),
    )
