"""What ran and how it ended: records, warnings, alerts, and the state of the store."""
