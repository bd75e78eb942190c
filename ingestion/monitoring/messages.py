"""What is said of an alert: no payload, no bet, no address, no secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from ingestion.wording import span


@dataclass(frozen=True)
class AlertMessage:
    """An alert that opened or was resolved, to be sent to one channel."""

    channel: str
    alert_id: int
    event: Literal["opened", "resolved"]
    severity: str
    #: What may leave the machine; empty for an alert of a version that kept no such text.
    notice: str
    run_id: UUID | None
    opened_at: datetime
    resolved_at: datetime | None

    @property
    def title(self) -> str:
        """One line."""
        return f"Pikkit: {self.severity}" if self.event == "opened" else "Pikkit: resolved"

    def body(self, short_run_id: str | None) -> str:
        """One paragraph, as plain text."""
        sentences = [self.notice or "An alert is open."]
        since = f"{self.opened_at:%Y-%m-%dT%H:%M:%SZ}"
        if self.event == "resolved" and self.resolved_at is not None:
            sentences.append(f"It held from {since} on, and cleared after {span(self.resolved_at - self.opened_at)}.")
        else:
            sentences.append(
                f"Since {since}{f', run {short_run_id}' if short_run_id else ''}. `pikkit alerts` lists all."
            )
        return " ".join(sentences)
