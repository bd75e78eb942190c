"""The report in a real browser: nothing asked for, nothing to complain about, nothing wider than the window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ingestion.report.test_page import STATES
from tests.rigs.browser import Browser, Scheme, browser

OPEN_ALL = "document.querySelectorAll('details').forEach(each => { each.open = true })"
# The page's own name, and what of it reaches past the window.
TOO_WIDE = """
[...document.querySelectorAll("body *")]
    .filter(each => each.getBoundingClientRect().right > innerWidth && !each.closest("pre"))
    .map(each => each.tagName + " " + each.textContent.slice(0, 40))
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [380, 1440])
@pytest.mark.parametrize("state", STATES)
def test_page_is_quiet_and_fits_the_window(
    chromium: Browser, pages: dict[str, str], tmp_path: Path, state: str, width: int, scheme: Scheme
) -> None:
    file = tmp_path / "report.html"
    file.write_text(pages[state], encoding="utf-8")
    chromium.open(file.as_uri(), width=width, scheme=scheme)
    assert (chromium.requests(), chromium.complaints()) == ([file.as_uri()], [])
    for _ in range(2):
        assert (chromium.value("innerWidth"), chromium.value(TOO_WIDE)) == (width, [])
        assert chromium.value("document.documentElement.scrollWidth") <= width
        chromium.value(OPEN_ALL)


def test_browser_reports_requests_and_complaints_of_a_loud_page(chromium: Browser, tmp_path: Path) -> None:
    """Without this, a quiet page would prove nothing."""
    file = tmp_path / "loud.html"
    file.write_text(
        '<meta http-equiv="Content-Security-Policy" content="script-src \'none\'">'
        '<img src="http://nowhere.example/x.png"><script>alert(1)</script><p style="width:2000px">wide</p>',
        encoding="utf-8",
    )
    chromium.open(file.as_uri(), width=380, scheme="light")
    assert "http://nowhere.example/x.png" in chromium.requests()
    assert len(chromium.complaints()) >= 2
    assert chromium.value(TOO_WIDE) != []
