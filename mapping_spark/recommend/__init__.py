"""Search, rules, the fallback ladder, reasons: from vectors to what people read."""
