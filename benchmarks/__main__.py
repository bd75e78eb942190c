"""`make bench`: every claim at a size that takes minutes."""

from benchmarks import aggregates, faults, registry, sync, validation

aggregates.compare(300_000)
sync.compare(50_000, [20_000, 200_000])
validation.compare(1_000_000)
faults.compare()
registry.compare(10_000)
