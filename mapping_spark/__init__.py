"""Recommendations and campaign KPIs on Spark: raw events in, declared Delta tables out."""

__version__ = "0.1.0"
