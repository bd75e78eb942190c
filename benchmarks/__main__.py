"""`make bench`: every claim at a size that takes minutes."""

from benchmarks import aggregates

aggregates.compare(300_000)
