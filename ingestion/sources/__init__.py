"""Where bets come from. Every source yields pages of raw rows, each row verbatim."""
