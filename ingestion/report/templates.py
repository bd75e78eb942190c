"""What the pages of this project have in common: one style, and templates that let no text act as anything but text.

A template escapes whatever it prints, and before that every character that could reorder or hide others is spelled out.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, partial
from importlib import resources
from typing import Any, Final

import jinja2
from markupsafe import Markup, escape

from ingestion.report.charts import ChartTone
from ingestion.wording import counted, cut, first_line, percent, plain, plain_lines, quantity, span

# What a person reads of a name, a note or an error; the whole is in the store.
_TEXT: Final = 300
_SIGNS: Final[Mapping[ChartTone, str]] = {"good": "✓", "warning": "!", "bad": "✕", "neutral": "○", "accent": "•"}


def template_environment(package: str) -> jinja2.Environment:
    """An environment of its own for the templates among the files of a package."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(partial(_resource, package)),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "commands": _with_commands,
        "count": lambda number: "-" if number is None else f"{number:,}",
        "cut": lambda text: cut(text, _TEXT),
        "first_line": lambda text: cut(first_line(text), _TEXT),
        "instant": _instant,
        "lines": lambda text: escape(plain_lines(text)),
        "name": _name,
        "percent": percent,
        "measure": lambda value: "-" if value is None else quantity(value, 2),
        "quantity": lambda value: "-" if value is None else quantity(value, 4),
        "span": lambda length: "-" if length is None else span(length),
    }
    environment.globals |= {"counted": counted, "sign": _SIGNS.__getitem__}
    return environment


@cache
def page_style() -> Mapping[str, str]:
    """The style of a page as `style`, and as `style_digest` what the policy of the page allows it by."""
    style = _resource("ingestion.report", "report.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return {"style": Markup(style), "style_digest": digest}  # noqa: S704 (a file of this package)


def _printable(value: Any) -> Any:
    """What a template prints of a value: text without characters that act on others, a dash where there is none."""
    if value is None:
        return "-"
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _with_commands(text: str) -> Markup:
    """A sentence of ours, with what it has in backticks as code."""
    parts = plain(text).split("`")
    return Markup().join(
        Markup("<code>{}</code>").format(part) if position % 2 else escape(part) for position, part in enumerate(parts)
    )


def _instant(instant: datetime | None) -> Markup:
    if instant is None:
        return Markup("-")
    utc = instant.astimezone(UTC)
    return Markup('<time datetime="{}"><span>{}</span> <span>{}</span></time>').format(
        f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d}", f"{utc:%H:%M}"
    )


def _name(name: str) -> Markup:
    """A name of ours, which may be broken after an underscore and nowhere else."""
    return Markup('<span class="name">{}</span>').format(Markup("_<wbr>").join(plain(name).split("_")))


def _resource(package: str, name: str) -> str:
    return resources.files(package).joinpath(name).read_text("utf-8")
