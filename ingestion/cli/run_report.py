"""A run as its verbs print it: the steps with their counts, what was refused, the warnings; and the same as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingestion.cli.output import print_line, say, say_warning
from ingestion.cli.tables import print_refused, print_table

if TYPE_CHECKING:
    from ingestion.runs.record import Run


def print_steps(done: Run) -> None:
    """The steps of a run that begins with a sync, what was refused there, and the warnings."""
    print_table(["step", "rows", "seconds", ""], [(s.name, *_told(s.name, s.counts, s.seconds)) for s in done.steps])
    sync = done.steps[0].counts
    if sync["reasons"]:
        print_line()
        print_refused(sync["reasons"])
    for warning in done.counts["warnings"]:
        say_warning(warning)
    if sync.get("format"):
        say(_read_as(sync["format"]))
    print_line()


def _read_as(format_: dict[str, Any]) -> str:
    """What a file was taken for, and which columns of a bet were derived from its own."""
    by = "by the mapping" if format_["is_mapping"] else "as"
    unknown = f" Not in it, and null: {', '.join(format_['unknown'])}." if format_["unknown"] else ""
    return f"The file was read {by} {format_['title']}. Derived: {', '.join(format_['derived']) or 'nothing'}.{unknown}"


def run_document(done: Run) -> dict[str, Any]:
    """A run for machines."""
    steps = [{"step": step.name, "seconds": round(step.seconds, 3), "counts": step.counts} for step in done.steps]
    return {"run_id": done.run_id, "steps": steps, "counts": done.counts}


def _told(step: str, counts: dict[str, Any], seconds: float) -> tuple[int | None, float, str]:
    if step == "sync":
        parts = [
            f"{counts[name]:,} {name.replace('_', ' ')}"
            for name in (
                "accepted",
                "deleted",
                "quarantined",
                "late",
                "returned",
                "seen_before",
                "copies",
                "superseded",
            )
        ]
        return counts["rows_read"], seconds, ", ".join(part for part in parts if not part.startswith("0 "))
    if step == "anomalies":
        return counts["rows"], seconds, _flags(counts)
    if step == "features":
        return sum(counts.values()), seconds, "change rows"
    if step == "gates":
        from quality.verdict import skipped

        parts = [f"{counts[state]} {state}" for state in ("failed", "warned") if counts[state]]
        if counts["not_judged"]:
            parts.append(skipped(counts["not_judged_because"]))
        return counts["judged"], seconds, "; ".join([f"checks judged: {counts['state']}", *parts])
    if step == "materialize":
        return sum(counts.values()), seconds, "keys written online"
    return None, seconds, ""


def _flags(counts: dict[str, Any]) -> str:
    kinds = (f"{sum(found.values()):,} {kind}" for kind, found in counts["kinds"].items())
    return f"judged; {', '.join(kinds) or 'no'} flags"
