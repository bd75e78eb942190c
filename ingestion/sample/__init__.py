"""What `sample` draws from (catalogue, times, prices), the bets, their changes, and the two kinds of file they fill."""
