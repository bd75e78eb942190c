"""Training sets, models beside the price, their verdict, and the record from which each can be made again."""
