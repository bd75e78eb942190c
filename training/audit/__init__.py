"""Proof that nothing leaks into a training set, and that serving gives what training has.

columns         what is known only after the placement, by declaration and by value
knowledge       what rows rest on was known before them
perturbation    other outcomes later change nothing, other outcomes earlier do
score           what a model on top of the price gains, which finds what else is wrong
created_at      the same of features shifted by created_at, as the original design makes them
served          vectors as they were served, against the history
"""

from typing import Final

# Rows that are compared after each perturbation, and instants after which outcomes are changed, unless it is said.
ROWS_COMPARED: Final = 2_000
CUTS_MADE: Final = 5
