"""Real code that stands in for, starts, or watches the outside world; nothing here knows a test."""
