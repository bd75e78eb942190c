"""`python -m training` is `pikkit`."""

from training.cli import main

main()
