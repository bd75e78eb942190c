"""Anomalies: rows that parse and are still not what earlier accepted data lets one expect.

The baseline never sees the batch that is judged by it. `docs/data-quality.md` says what each kind means.
"""

from quality.anomalies.baseline import Baseline
from quality.anomalies.detect import detect
from quality.anomalies.thresholds import Thresholds

__all__ = ["Baseline", "Thresholds", "detect"]
