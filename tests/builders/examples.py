"""How many examples Hypothesis draws for a test that needs fewer, or more, than it usually draws."""

from __future__ import annotations

from hypothesis import settings


def examples(number: int) -> settings:
    """So many; in `make test-fast` (its profile in tests/conftest.py) no more than any other test has there."""
    profile = settings.get_profile(settings.get_current_profile_name())
    return settings(max_examples=min(number, profile.max_examples) if profile.derandomize else number)
