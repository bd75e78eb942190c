"""Quality gates: what must hold of a refresh before its features are published.

`judge(gates, evidence)` gives a verdict for every gate of `quality/gates.toml`. A gate whose evidence is missing or
unusable fails; docs/data-quality.md says what each gate measures.
"""

from quality.gates.configuration import GatesUnusable, default_gates, gates_with
from quality.gates.gate import Gate, Gates
from quality.gates.judging import judge_refresh
from quality.verdict import Judgement, Tally, Verdict, skipped

__all__ = [
    "Gate",
    "Gates",
    "GatesUnusable",
    "Judgement",
    "Tally",
    "Verdict",
    "default_gates",
    "gates_with",
    "judge_refresh",
    "skipped",
]
