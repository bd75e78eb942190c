"""`make bench`: every claim at a size that takes minutes."""

from benchmarks import aggregates, sync

aggregates.compare(300_000)
sync.compare(50_000, [20_000, 200_000])
