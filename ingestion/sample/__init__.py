"""A synthetic sample of bets that looks like a bettor's own history, for the demo, the tests and the benchmarks."""
