"""JUDGES: takes frames, returns verdicts. No connection, no environment, no print."""
