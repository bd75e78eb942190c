"""The page of a model as a document: sound, self-contained, the same bytes each time, and true to its manifest."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.hostile_text import TEXTS
from tests.ingestion.report.test_page import STYLE, Document
from tests.ingestion.report.test_page_in_browser import OPEN_ALL, TOO_WIDE
from tests.rigs.browser import Browser, Scheme, browser
from training.manifest import MANIFEST, MODEL_PAGE, ModelManifest, read_manifest, write_manifest
from training.page.model_page import model_page, write_model_page

# Of every word of the row headers that name a learner or the price: the word, and on how many lines it stands.
LINES_OF_WORDS = """
[...document.querySelectorAll("#price tbody th")].flatMap(header => {
    const text = header.firstChild;
    return [...text.data.matchAll(/\\S+/g)].map(word => {
        const range = document.createRange();
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].length);
        return [word[0], new Set([...range.getClientRects()].map(each => each.top)).size];
    });
})
"""
KINDS = ["ordinary", "hostile", "tiny"]
every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="session")
def documents(manifests: dict[str, ModelManifest]) -> dict[str, Document]:
    return {kind: Document(model_page(manifest)) for kind, manifest in manifests.items()}


@every_kind
def test_every_element_of_a_page_is_closed_and_every_reference_has_a_target(
    documents: dict[str, Document], kind: str
) -> None:
    document = documents[kind]
    assert document.faults == []
    assert [name for name, number in document.ids.items() if number > 1 or not name] == []
    wanted = {(a["href"] or "").removeprefix("#") for tag, a in document.elements if tag == "a"}
    wanted |= {each for _, a in document.elements for each in (a.get("aria-labelledby") or "").split()}
    assert wanted - set(document.ids) == set()


@every_kind
def test_nothing_in_the_page_of_a_model_runs_or_asks_for_anything(documents: dict[str, Document], kind: str) -> None:
    document = documents[kind]
    attributes = [(name, value or "") for _, found in document.elements for name, value in found.items()]
    assert {tag for tag, _ in document.elements} & {"script", "img", "iframe", "object", "form", "input"} == set()
    assert [name for name, _ in attributes if name.startswith("on") or name in ("style", "src", "srcset")] == []
    assert {value for name, value in attributes if name == "href" and not value.startswith("#")} == {"data:,"}
    style = "".join(data for tag, data in document.texts if tag == "style")
    assert style == STYLE
    (policy,) = [a["content"] or "" for tag, a in document.elements if tag == "meta" and "http-equiv" in a]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert {c for c in document.page if not c.isprintable()} <= {"\n"}


def test_hostile_names_of_sports_books_and_the_model_stand_in_the_page_as_text(documents: dict[str, Document]) -> None:
    text = documents["hostile"].text
    assert TEXTS["html"] in text
    assert r"\u2028</td><script>alert(1)</script>" in text
    assert r"onerror=alert(1)>\u202e" in text
    assert max(len(word) for _, data in documents["hostile"].texts for word in data.split()) <= 300


def test_page_is_the_same_bytes_for_a_manifest_that_was_written_and_read(
    manifests: dict[str, ModelManifest], tmp_path: Path
) -> None:
    write_manifest(tmp_path, manifests["ordinary"])
    read = read_manifest(tmp_path / MANIFEST)
    assert write_model_page(tmp_path, read) == tmp_path / MODEL_PAGE
    assert (tmp_path / MODEL_PAGE).read_bytes() == model_page(manifests["ordinary"]).encode()


def test_page_opens_with_the_verdict_and_the_money_of_the_served_model(
    manifests: dict[str, ModelManifest], documents: dict[str, Document]
) -> None:
    manifest, page = manifests["ordinary"], documents["ordinary"].page
    judged = manifest.evaluation["win"]["models"][manifest.parameters["win"]["served"]["learner"]]
    assert re.search(r'<h1 class="good">.*?Better', page)
    sentences = re.findall(r'<p class="sentence">(.*?)</p>', page)
    assert sentences == [judged["sentence"], judged["money"].replace("'", "&#39;")]
    assert page.index(sentences[1]) < page.index("<table>")


def test_page_opens_with_the_verdict_of_the_served_learner_wherever_that_stands(
    manifests: dict[str, ModelManifest],
) -> None:
    """The served learner is the one of the manifest, wherever it stands in it."""
    document = json.loads(json.dumps(manifests["tiny"].parameters))
    other = next(
        name for name in manifests["tiny"].evaluation["win"]["models"] if name != document["win"]["served"]["learner"]
    )
    document["win"]["served"]["learner"] = other
    page = model_page(dataclasses.replace(manifests["tiny"], parameters=document))
    (first, _) = re.findall(r'<p class="sentence">(.*?)</p>', page)
    assert first == manifests["tiny"].evaluation["win"]["models"][other]["sentence"]


def test_every_figure_of_the_page_is_that_of_the_manifest(
    manifests: dict[str, ModelManifest], documents: dict[str, Document]
) -> None:
    manifest, text = manifests["ordinary"], " ".join(documents["ordinary"].text.split())
    win = manifest.evaluation["win"]
    offered = win["offered"]
    difference = f"{offered['difference']['mean'] * 1e4:+.1f}"
    assert re.search(rf"price as offered\s*{offered['scores']['log_loss']:.4f}\s*{re.escape(difference)}", text)
    assert re.search(rf"calibrated price\s*{win['reference']['scores']['log_loss']:.4f}", text)
    for judged in win["models"].values():
        assert f"{judged['scores']['log_loss']:.4f}" in text
    for judged in (win["reference"], *win["models"].values()):
        for bets in judged["bets"]:
            if bets["bets"]:
                assert f"{bets['bets']:,}" in text
                assert f"{bets['realised']['mean']:+.1%}" in text
    for name in list(win["importance"])[:20]:
        assert name in text
    for part, bets in manifest.parameters["win"]["bets"].items():
        assert f"{part} {bets:,}" in text or f"{part}{bets:,}" in text
    assert manifest.data.frame_digest in text


def test_warning_of_the_split_stands_beside_the_parts(manifests: dict[str, ModelManifest]) -> None:
    parameters = json.loads(json.dumps(manifests["tiny"].parameters))
    assert parameters["win"]["warnings"] == []
    parameters["win"]["warnings"] = ["9 of the 10 bets of validation were purged."]
    page = model_page(dataclasses.replace(manifests["tiny"], parameters=parameters))
    split = page.split('<section id="split"')[1].split("</section>")[0]
    assert "9 of the 10 bets of validation were purged." in split


def test_charts_draw_a_mark_for_each_day_of_test_and_split(
    manifests: dict[str, ModelManifest], documents: dict[str, Document]
) -> None:
    page, win = documents["ordinary"].page, manifests["ordinary"].evaluation["win"]
    for learner, judged in win["models"].items():
        drawing = page.split(f'id="chart-days-{learner}-title"')[1].split("</svg>")[0]
        assert drawing.count("<g><title>") == len(judged["by_day"]) == judged["days"]
        first = judged["by_day"][0]
        assert f"{first['day']}: {first['difference'] * 1e4:+.1f} over {first['bets']:,} bets" in drawing
    split = page.split('id="chart-split-title"')[1].split("</svg>")[0]
    assert split.count("<g><title>") == len(manifests["ordinary"].parameters["win"]["days"])


def test_only_the_price_is_dashed_beside_the_diagonal(documents: dict[str, Document]) -> None:
    drawing = documents["ordinary"].page.split('id="chart-reliability-title"')[1].split("</svg>")[0]
    assert drawing.count('class="dashed"') == 1


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest.mark.parametrize(("width", "scheme"), [(380, "dark"), (1440, "light")])
@every_kind
def test_page_of_a_model_is_quiet_and_fits_the_window(
    chromium: Browser, documents: dict[str, Document], tmp_path: Path, kind: str, width: int, scheme: Scheme
) -> None:
    file = tmp_path / MODEL_PAGE
    file.write_text(documents[kind].page, encoding="utf-8")
    chromium.open(file.as_uri(), width=width, scheme=scheme)
    assert (chromium.requests(), chromium.complaints()) == ([file.as_uri()], [])
    chromium.value(OPEN_ALL)
    assert (chromium.value("innerWidth"), chromium.value(TOO_WIDE)) == (width, [])
    assert chromium.value("document.documentElement.scrollWidth") <= width


def test_names_of_learners_break_between_words_only(
    chromium: Browser, documents: dict[str, Document], tmp_path: Path
) -> None:
    file = tmp_path / MODEL_PAGE
    file.write_text(documents["ordinary"].page, encoding="utf-8")
    chromium.open(file.as_uri(), width=1085, scheme="light")
    lines = chromium.value(LINES_OF_WORDS)
    assert {"boosted", "trees", "logistic", "calibrated", "offered"} <= {word for word, _ in lines}
    assert [word for word, count in lines if count > 1] == []
