"""What is told of a store to those who watch it: metrics, messages on alerts, a sign of life."""
