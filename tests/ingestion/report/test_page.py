"""The report as a document: sound, self-contained, readable by everybody, and hostile text in it nothing but text."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from functools import cached_property
from html.parser import HTMLParser

import pytest

from feature_repo.declarations.feature_lists import FEATURE_LISTS
from feature_repo.declarations.views import OUR_VIEWS
from tests.conftest import REPOSITORY
from tests.ingestion.report.conftest import HOSTILE

STATES = ["pending", "empty", "hostile"]
VOID = {"meta", "link", "br", "wbr"}
STYLE = (REPOSITORY / "ingestion" / "report" / "report.css").read_text(encoding="utf-8")


class Document(HTMLParser):
    """A page, its elements, and what is wrong with their nesting."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.page = page
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.faults: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        self.faults += [f"{tag} is not closed" for tag in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        if len(dict(attrs)) != len(attrs):
            self.faults.append(f"{tag} has an attribute twice")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if "svg" not in self._open:
            self.faults.append(f"{tag} closes itself")

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"{tag} is closed where it is not open")

    def handle_data(self, data: str) -> None:
        self.texts.append((self._open[-1] if self._open else "", data))

    @cached_property
    def ids(self) -> Counter[str]:
        return Counter(attributes["id"] or "" for _, attributes in self.elements if "id" in attributes)

    @property
    def text(self) -> str:
        return "".join(data for tag, data in self.texts if tag != "style")


@pytest.fixture
def document(pages: dict[str, str], request: pytest.FixtureRequest) -> Document:
    return Document(pages[request.param])


every_state = pytest.mark.parametrize("document", STATES, indirect=True)


@every_state
def test_every_element_is_closed_and_every_id_is_unique(document: Document) -> None:
    assert document.faults == []
    assert [name for name, number in document.ids.items() if number > 1 or not name] == []


@every_state
def test_every_reference_within_the_page_has_a_target(document: Document) -> None:
    links = [attributes["href"] or "" for tag, attributes in document.elements if tag == "a"]
    labels = [
        attributes["aria-labelledby"] or "" for _, attributes in document.elements if "aria-labelledby" in attributes
    ]
    wanted = {link.removeprefix("#") for link in links} | {each for label in labels for each in label.split()}
    assert wanted - set(document.ids) == set()


@every_state
def test_nothing_in_the_page_runs_or_asks_for_anything(document: Document) -> None:
    allowed = {"html", "head", "meta", "title", "link", "style", "body", "header", "main", "section", "footer", "nav"}
    allowed |= {
        "h1",
        "h2",
        "h3",
        "h4",
        "p",
        "a",
        "b",
        "i",
        "br",
        "wbr",
        "span",
        "bdi",
        "code",
        "pre",
        "time",
        "ul",
        "li",
    }
    allowed |= {"dl", "div", "dt", "dd", "details", "summary", "article", "figure", "figcaption"}
    allowed |= {"table", "thead", "tbody", "tr", "th", "td"}
    allowed |= {"svg", "title", "desc", "g", "rect", "path", "text", "circle"}
    assert {tag for tag, _ in document.elements} - allowed == set()
    attributes = [(name, value or "") for _, found in document.elements for name, value in found.items()]
    assert [name for name, _ in attributes if name.startswith("on") or name in ("style", "src", "srcset")] == []
    assert {value for name, value in attributes if name == "href" and not value.startswith("#")} == {"data:,"}
    assert re.findall(r"url\(|@import|://", STYLE) == []
    assert [value for _, value in attributes if "://" in value and not value.isprintable()] == []


@every_state
def test_policy_allows_the_style_of_the_page_and_nothing_else(document: Document) -> None:
    (policy,) = [a["content"] or "" for tag, a in document.elements if tag == "meta" and "http-equiv" in a]
    style = "".join(data for tag, data in document.texts if tag == "style")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert style == STYLE
    assert [part.strip() for part in policy.split(";")] == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]


@every_state
def test_every_drawing_is_described_or_hidden_from_a_screen_reader(document: Document) -> None:
    for tag, attributes in document.elements:
        if tag == "svg":
            assert attributes.get("aria-hidden") == "true" or (
                attributes.get("role") == "img" and len((attributes["aria-labelledby"] or "").split()) == 2
            )


@every_state
def test_every_character_of_the_page_is_printable(document: Document) -> None:
    """So none reorders, hides or joins others: what a reader sees is what is there."""
    assert {c for c in document.page if not c.isprintable()} <= {"\n"}


@pytest.mark.parametrize("document", ["hostile"], indirect=True)
def test_hostile_names_stand_in_the_page_as_text(document: Document) -> None:
    assert HOSTILE[0] in document.text
    assert r"\u202e<img src=http://127.0.0.1:1/x onerror=alert(1)>" in document.text
    assert r"<b onclick='x'>&\u202e.jsonl" in document.text


@pytest.mark.parametrize("document", ["overridden"], indirect=True)
def test_overridden_gate_is_shown_with_actor_and_reason(document: Document) -> None:
    overriding = re.search(
        r"Overridden by \S+ on \S.*?, for this reason: (.*?)\.\s+Open a check", document.text, re.DOTALL
    )
    assert overriding is not None
    assert overriding[1].startswith(r"\u202e<img src=")


@pytest.mark.parametrize("document", ["overridden"], indirect=True)
def test_page_of_an_overridden_refresh_is_not_headed_healthy(document: Document) -> None:
    (heading,) = re.findall(r"<h1.*?</h1>", document.page)
    assert "Overridden" in heading
    assert "Healthy" not in document.text


@pytest.mark.parametrize("document", ["hostile"], indirect=True)
def test_name_without_end_is_cut(document: Document) -> None:
    assert max(len(word) for _, data in document.texts for word in data.split()) <= 300


@pytest.mark.parametrize("document", ["hostile"], indirect=True)
def test_failed_check_is_listed_first_with_the_query_open(document: Document) -> None:
    checks = [a for tag, a in document.elements if tag == "details" and a.get("class") == "check"]
    is_open = ["open" in attributes for attributes in checks]
    assert is_open[0]
    assert is_open == sorted(is_open, reverse=True)
    (sentence,) = re.findall(r'<p class="sentence">.*? refused run \S+: (.*?)\. ', document.page)
    first = document.text.split("Open a check for")[1].split(" of the ")[0].split()[-1]
    assert first in sentence.split(", ")


@pytest.mark.parametrize("document", ["hostile"], indirect=True)
def test_every_view_and_service_is_in_the_lineage_and_every_stored_feature_has_a_plot(document: Document) -> None:
    assert {
        name for name in (*OUR_VIEWS, *(each.service for each in FEATURE_LISTS)) if name not in document.text
    } == set()
    plots = [name for name in document.ids if name.startswith("values-") and name.endswith("-title")]
    assert len(plots) == 50


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ("pending", "The store lacks migrations"),
        ("empty", "Nothing was refreshed yet. Run <code>pikkit run</code>."),
        ("overridden", "The last refresh was published over "),
        ("hostile", "1 alert open: The quality gate refused run"),
    ],
    indirect=["document"],
)
def test_page_begins_with_a_sentence_on_the_state_of_the_store(document: Document, sentence: str) -> None:
    (text,) = re.findall(r'<p class="sentence">(.*?)</p>', document.page)
    assert text.startswith(sentence)


@pytest.mark.parametrize("document", ["empty"], indirect=True)
def test_page_of_a_store_without_runs_has_an_empty_state_in_every_section(document: Document) -> None:
    assert len(re.findall('class="empty"', document.page)) >= 6
    assert "No run yet. pikkit run makes the first." in document.text


def test_pages_are_far_below_two_megabytes(pages: dict[str, str]) -> None:
    assert max(len(page.encode()) for page in pages.values()) < 500_000


# ---- colours -------------------------------------------------------------------------------------------------------

GROUNDS = ("page", "card", "inset")
MARKS = ("ink", "muted", "accent", "good", "warning", "bad", "neutral")


def colours(scheme: str) -> dict[str, str]:
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)[:2]
    return dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", light if scheme == "light" else dark))


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("mark", MARKS)
def test_colour_of_text_or_mark_stands_out_from_every_ground(scheme: str, ground: str, mark: str) -> None:
    brighter, darker = sorted((luminance(colours(scheme)[name]) for name in (ground, mark)), reverse=True)
    assert (brighter + 0.05) / (darker + 0.05) >= 4.5


def test_style_uses_no_colour_outside_the_compared_palette() -> None:
    names = set(re.findall(r"var\(--([a-z]+)\)", STYLE))
    assert names == {*GROUNDS, *MARKS, "line"}
    assert re.findall(r"#[0-9a-f]{3,6}\b", re.sub(r":root \{.*?\}", "", STYLE, flags=re.DOTALL)) == []
