"""Bronze to silver: canonical form, reasons for what is rejected, one row per event, and an exact account of it all."""
