"""The report, rendered from tiny notebooks: what a reader of the page and of the PDF finds."""

import base64
import hashlib
import html
import re
from urllib.parse import unquote

import pandas as pd
import pypdf
import pytest
from tiny_chapters import chapter, executed, first_chapter, second_chapter, workplace

from cxr_helpers import records
from cxr_helpers.config import Config
from cxr_helpers.extras.report import appendix
from cxr_helpers.report import rendering, tree


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """Return the paths of the page and the PDF of two chapters, synthetic profile."""
    with pytest.MonkeyPatch.context() as patch:
        write = workplace(patch, tmp_path_factory.mktemp("report"))
        write("smoke", **{"01_eda": first_chapter(), "02_models": second_chapter()})
        return rendering.render("smoke", ["thesis"])


@pytest.fixture(scope="module")
def page(rendered):
    return rendered[0].read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def pdf(rendered):
    return pypdf.PdfReader(rendered[1])


def words(pdf_page):
    return " ".join(pdf_page.extract_text().split())


# ---- HTML --------------------------------------------------------------------------------------------------------


def test_page_tells_its_profile_and_asks_for_nothing(page):
    assert '<meta name="cxr-profile" content="smoke">' in page
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "img-src data:" in policy
    assert re.findall(r'\b(?:src|srcset|poster|data)="(?!data:)', page) == []
    assert re.findall(r"<(?:link|iframe|object|embed|script .*src)\b", page) == []
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "<strong>Synthetic data.</strong>" in page


def test_full_profile_is_not_marked_synthetic(monkeypatch, tmp_path):
    workplace(monkeypatch, tmp_path)("full", **{"01_eda": chapter("One")})
    page, document_pdf = rendering.render("full", ["thesis"])
    assert '<meta name="cxr-profile" content="full">' in page.read_text(encoding="utf-8")
    assert "Synthetic" not in page.read_text(encoding="utf-8")
    assert not any("Synthetic" in words(sheet) for sheet in pypdf.PdfReader(document_pdf).pages)


def test_code_and_prints_stay_in_the_notebook_and_the_chapter_leads_there(page):
    for hidden in ("secret_code", "noise on stdout", "a draft", "injected", "fig:roc</strong>"):
        assert hidden not in page
    assert re.search(r'<a href="[./]*[^"]*/notebooks/01_eda.ipynb"><code>notebooks/01_eda.ipynb</code></a>', page)


def test_figures_and_tables_are_numbered_through_the_report_and_mentions_lead_to_them(page):
    assert '<a href="#fig:roc">Figure\u00a02</a>' in page
    assert '<a href="#ch:02_models">Chapter\u00a02</a>' in page
    assert re.search(r'<figure id="fig:roc"[^>]*>\s*<img src="data:image/svg[^"]*"[^>]*>\s*<figcaption>.*Figure\u00a02\.', page)
    assert re.search(r'<table id="tbl:images"[^>]*>\s*<caption>.*Table\u00a01\.</span> Images by folder', page)
    identifiers = re.findall(r'\bid="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(identifiers)


def test_every_picture_is_the_chapters_own_svg_and_has_its_alternative_text(page):
    pictures = re.findall(r'<img src="data:image/svg\+xml,([^"]*)" width="\d+" height="\d+" loading="lazy" alt="([^"]*)"', page)
    assert [html.unescape(alt) for _, alt in pictures] == ['Two "rising" curves'] * 2
    assert all(unquote(svg).rstrip().endswith("</svg>") for svg, _ in pictures)


def test_references_are_numbered_in_order_of_citation_and_maths_is_mathml(page):
    references = page[page.index('id="refs"') :]
    assert references.index("ref-kermany2018") < references.index("ref-delong1988")
    assert "<em>Cell</em>, vol. 172, no. 5, pp. 1122–1131, 2018" in references
    assert "<msup><mi>a</mi><mn>2</mn></msup>" in page


def test_a_cell_tagged_abstract_joins_the_abstract(page):
    abstract = page[page.index('<section id="abstract"') : page.index('<section id="ch:01_eda"')]
    assert "The best model reaches 0.982." in abstract
    assert page.count("The best model reaches 0.982.") == 1


def test_title_says_what_was_rendered(page):
    title = page[page.index('<header class="title">') : page.index("</header>")]
    assert re.search(r"<dt>Date</dt><dd>\d{1,2} [A-Z][a-z]+ 20\d\d</dd>", title)
    assert "<dt>Data</dt><dd>7 images</dd>" in title
    assert "<dt>Profile</dt><dd>smoke (synthetic images)</dd>" in title
    assert re.search(r"<dt>Revision</dt><dd>\S+", title)


# ---- PDF ---------------------------------------------------------------------------------------------------------


def test_pdf_has_the_parts_of_a_thesis_in_order(pdf):
    titles = [entry.title for entry in pdf.outline if not isinstance(entry, list)]
    assert titles == ["Abstract", "1 Exploring the images", "2 Two models", "References"]
    text = " ".join(words(sheet) for sheet in pdf.pages)
    opening = ["Revision", "Abstract", "Contents", "List of Figures", "Abbreviations"]
    positions = [text.index(part) for part in [*opening, "Chapter 1", "Chapter 2"]]
    assert positions == sorted(positions)
    assert "Figure 2. ROC curves of two models. The rest of the caption" in text
    assert "Data:" not in text and "Computed by" not in text  # of the page
    assert "Error" not in text


def test_every_page_of_synthetic_results_says_so(pdf):
    assert all("Synthetic data" in words(sheet) for sheet in pdf.pages)


def test_pages_are_numbered_anew_from_the_first_chapter(pdf):
    text = [words(sheet) for sheet in pdf.pages]
    opening = next(number for number, sheet in enumerate(text) if "Chapter 1" in sheet)
    assert text[opening].endswith(" 1") and text[opening - 1].endswith(f" {'i ii iii iv v vi vii viii'.split()[opening - 2]}")
    figures = next(sheet for sheet in text if "List of Figures" in sheet)
    assert re.search(r"Figure 2 ROC curves of two models[ .]* 2\b", figures)


def test_a_wide_table_stays_within_the_margins(pdf):
    sheet = next(sheet for sheet in pdf.pages if "Everything at once" in words(sheet) and "Chapter 2" in words(sheet))
    positions = []
    sheet.extract_text(visitor_text=lambda text, _cm, tm, _font, _size: positions.append((tm[4], text)))
    right = max(x for x, text in positions if "Metric 8" in text)
    assert right < float(sheet.mediabox.width) - 70.9  # 25 mm


def alternative_texts(element):
    """Yield the alternative texts below a structure element of a tagged PDF."""
    element = element.get_object()
    if isinstance(element, pypdf.generic.ArrayObject):
        for inner in element:
            yield from alternative_texts(inner)
    elif isinstance(element, pypdf.generic.DictionaryObject):
        yield from [element["/Alt"]] if "/Alt" in element else []
        yield from alternative_texts(element["/K"]) if "/K" in element else []


def test_pictures_in_the_pdf_carry_their_alternative_text(pdf):
    assert list(alternative_texts(pdf.trailer["/Root"]["/StructTreeRoot"])) == ['Two "rising" curves'] * 2


# ---- Bibliography ------------------------------------------------------------------------------------------------


def test_bibliography_has_unique_keys_and_is_read_whole():
    source = tree.BIBLIOGRAPHY.read_text(encoding="utf-8")
    keys = re.findall(r"^@\w+\{([^,]+),", source, flags=re.MULTILINE)
    assert len(keys) == len(set(keys))
    assert set(keys) == rendering.keys()


# ---- Pieces ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caption", "first"),
    [
        ("One sentence.", "One sentence"),
        ("No full stop", "No full stop"),
        ("Images of ca. half the patients, at 0.5. Then more.", "Images of ca. half the patients, at 0.5"),
    ],
)
def test_a_caption_is_split_after_its_first_sentence(caption, first):
    inlines = tree.blocks(caption)[0]["c"]
    stem, _ = tree.split_caption(inlines)
    assert " ".join("".join(word.get("c", " ") for word in stem).split()) == first


def test_each_figure_and_table_leads_to_its_data_its_cell_and_its_sources(page):
    assert page.count('<div class="origin">') == 4
    line = re.search(r'<figure id="fig:roc".*?<div class="origin">(.*?)</div>', page, re.DOTALL)[1]
    assert re.search(r'<a download="fig-roc.csv" href="data:text/csv[^"]+"><code>fig-roc.csv</code></a>', line)
    assert 'href="data/sources-02_models.json"' in line
    assert re.search(r'<a href="[./]*/notebooks/02_models.ipynb">cell 4 of\s+<code>02_models.ipynb</code></a>', line)


def test_a_cell_that_is_tagged_shows_its_code_in_both(monkeypatch, tmp_path):
    listing = chapter("One", executed("weights = gradient.mean(axis=(0, 1))", tags=["show-code"]), executed("hidden()"))
    workplace(monkeypatch, tmp_path)("smoke", **{"01_eda": listing})
    page, printed = rendering.render("smoke", ["thesis"])
    listed = '<pre tabindex="0" class="python"><code>weights = gradient.mean(axis=(0, 1))</code></pre>'
    assert listed in page.read_text(encoding="utf-8")
    assert any("weights = gradient.mean(axis=(0, 1))" in words(sheet) for sheet in pypdf.PdfReader(printed).pages)
    assert "hidden()" not in page.read_text(encoding="utf-8")


def test_a_supplement_numbers_with_an_s_and_ends_with_what_no_notebook_computes(monkeypatch, tmp_path):
    write = workplace(monkeypatch, tmp_path)
    write("smoke", **{"s01_more": chapter("More models", second_chapter().cells[2])})
    page, printed = rendering.render("smoke", ["supplement"])
    assert "Figure\u00a0S1." in page.read_text(encoding="utf-8")
    titles = [entry.title for entry in pypdf.PdfReader(printed).outline if not isinstance(entry, list)]
    assert titles == ["S1 More models", "S2 Run records", "References"]
    assert any("Figure S1. ROC curves" in words(sheet) for sheet in pypdf.PdfReader(printed).pages)


def test_the_appendix_lists_every_experiment(monkeypatch, tmp_path):
    workplace(monkeypatch, tmp_path)
    config = Config(model="mobilenet", seed=2, start="imagenet")
    history = pd.DataFrame({"epoch": [1, 2], "loss": [0.7, 0.6]})
    scores = pd.DataFrame([["a", "p", "test", 1, 0.9]], columns=records.SCORE_COLUMNS)
    info = {"images": {"train": 4694}, "device": "CPU (x86_64)", "wall_time_s": 90.0}
    made = [records.write(config, "full", info, {"history": history, "scores": scores})] * 2
    shown = tree.write(appendix.run_records({"ours": made}).blocks, {}, "html5", [])
    row = [re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", shown, re.DOTALL)]
    assert row == ["ours", "model = mobilenet, start = imagenet", "2", "4,694", "2", "CPU", "3.0"]
