"""The checks of `pikkit doctor`, one module for each thing that is looked at."""
