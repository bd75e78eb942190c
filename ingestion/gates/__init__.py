"""The quality gate over a refresh: its evidence, its verdicts as they are kept, and what a refusal undoes."""
