"""`python -m ingestion` is `pikkit`."""

from ingestion.cli import main

main()
