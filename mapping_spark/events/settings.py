"""Settings of cleaning."""

from __future__ import annotations

import datetime as dt
from zoneinfo import available_timezones

from pydantic import Field, field_validator

from mapping_spark.config import Section


class CleaningConfig(Section):
    """What makes a record good, how far back a duplicate is searched, and how many bad records are too many."""

    business_zone: str = "UTC"
    """Time zone of the business day."""
    window_days: int = Field(default=7, ge=0)
    """Days around an event in which the same event_id means the same event; events older than this many days before
    the source's latest are late."""
    max_quarantined_share: float = Field(default=0.05, ge=0, le=1)
    """Share of a source's records in one run above which the job fails, after everything is written."""
    max_record_bytes: int = Field(default=1_048_576, ge=1)
    """Longest record that is parsed."""
    max_nesting: int = Field(default=64, ge=1, le=900)
    """Deepest nesting of lists and objects that is parsed."""
    earliest_event_at: dt.date = dt.date(2000, 1, 1)
    """Events before this day (UTC) are rejected."""
    max_hours_ahead: int = Field(default=24, ge=0)
    """Hours that an event may lie after the arrival of its record."""
    currencies: tuple[str, ...] = Field(default=("USD", "EUR", "GBP"), min_length=1)
    """ISO 4217 codes that are accepted."""

    @field_validator("business_zone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError("no such time zone; use a name like 'UTC' or 'America/New_York'")
        return zone
