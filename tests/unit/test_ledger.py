"""The ledger: which numbers a report shows, and that page and ledger are two texts of one thing."""

import pandas as pd
import pytest
from tiny_chapters import chapter, figure, first_chapter, second_chapter, shown, workplace

from cxr_helpers.errors import CxrError
from cxr_helpers.report import appendix, document, floats, ledger, rendering, shown_numbers, syntax_tree


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Return page and ledger of two tiny chapters, synthetic profile."""
    with pytest.MonkeyPatch.context() as patch:
        write = workplace(patch, tmp_path_factory.mktemp("report"))
        write("smoke", **{"01_eda": first_chapter(), "02_models": second_chapter()})
        page, _ = rendering.render("smoke")
        return page.read_text(encoding="utf-8"), ledger.read("smoke")


def numbers_of(markdown):
    return [(row, text) for _, row, _, text in shown_numbers.of_blocks(syntax_tree.blocks(markdown))]


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("An AUC of **0.982** (95 % CI 0.970–0.991).", ["0.982", "95", "0.970", "0.991"]),
        ("VGG-16, MobileNetV2 and run s0 with keras 3.11.7 stay names.", []),
        ("Of 5,856 images at 224×224 pixels, −0.012 and +1.5e−05.", ["5,856", "224", "224", "−0.012", "+1.5e−05"]),
        ("Code `0.5`, a source [@delong1988], a formula $x^2$ and [4](#fig:roc) are no results.", []),
    ],
)
def test_numbers_of_a_sentence(sentence, found):
    assert [text for _, text in numbers_of(sentence)] == found


def test_the_words_before_a_number_name_its_place_whatever_other_numbers_are():
    place, _ = numbers_of("It reaches an accuracy of 0.91 to 0.95.")[1]
    assert place == "an accuracy of … to"


def test_a_row_is_named_by_as_many_columns_as_tell_it_from_the_others():
    rows = pd.DataFrame({"system": ["vgg16"] * 2, "metric": ["AUC", "F1"], "value": [0.9, 0.8]})
    tree = syntax_tree.parse(appendix.chapter("a", f"# A\n\n{appendix.table('tbl:a', 'Two rows.', rows, digits=1)}"))
    found = list(shown_numbers.of_blocks(floats.gather(tree).cells[0].blocks))
    assert found == [("tbl:a", "vgg16 · AUC", "value", "0.9"), ("tbl:a", "vgg16 · F1", "value", "0.8")]


def test_a_number_is_listed_with_chapter_cell_label_row_and_column(report):
    _, numbers = report
    images = numbers[numbers.label == "tbl:images"]
    assert list(images.text) == ["0.981 [0.970, 0.991]"] * 6
    assert set(images.chapter) == {"01_eda"} and set(images.cell) == {"7"}  # the cell that papermill injects does not count
    assert set(images.column) == {"Metric 0", "Metric 1"}


def test_a_sentence_of_the_abstract_keeps_the_chapter_that_computed_it(report):
    _, numbers = report
    place = numbers[(numbers.label == "abstract") & (numbers.text == "0.982")].iloc[0]
    assert (place.chapter, place.cell, place.row) == ("02_models", "2", "The best model reaches")


def test_the_page_says_what_the_ledger_says(report):
    page, numbers = report
    assert len(numbers) > 30
    assert ledger.differences(numbers, ledger.of_page(page)).empty


def test_a_number_that_was_changed_in_the_page_is_found_at_its_place(report):
    page, numbers = report
    page = page.replace("The best model reaches 0.982", "The best model reaches 0.992")
    changed = ledger.differences(numbers, ledger.of_page(page))
    assert list(changed[["chapter", "label", "text", "other"]].itertuples(index=False, name=None)) == [
        ("02_models", "abstract", "0.982", "0.992")
    ]


def test_a_place_that_one_of_two_ledgers_lacks_differs_from_nothing():
    one = pd.DataFrame([("a", "1", "text", "of", "", "3"), ("a", "1", "text", "of", "", "4")], columns=ledger.COLUMNS)
    assert list(ledger.differences(one, one[:1]).text) == ["4"]
    assert list(ledger.differences(one[:1], one).other) == ["4"]


def test_a_caption_is_text_under_the_figures_label(monkeypatch, tmp_path):
    workplace(monkeypatch, tmp_path)("smoke", **{"01_eda": chapter("One", figure("fig:a", caption="Curves of 7 runs."))})
    rendering.render("smoke", formats=["html"])
    numbers = ledger.read("smoke")
    assert ("fig:a", "Curves of", "7") in set(numbers[["label", "row", "text"]].itertuples(index=False, name=None))


def test_each_figure_and_table_leads_to_its_cell(report):
    page, _ = report
    assert page.count('<div class="origin">') == 4
    assert '/notebooks/02_models.ipynb">cell 3 of <code>02_models.ipynb</code></a>' in page


def test_a_missing_or_foreign_ledger_is_told(monkeypatch, tmp_path):
    workplace(monkeypatch, tmp_path)
    with pytest.raises(CxrError, match="numbers.csv is missing; `cxr render --profile smoke`"):
        ledger.read("smoke")
    ledger.path("smoke").parent.mkdir(parents=True)
    ledger.path("smoke").write_text("a,b\n1,2\n")
    with pytest.raises(CxrError, match="other columns than chapter, cell"):
        ledger.read("smoke")


def test_a_section_can_be_referred_to(monkeypatch, tmp_path):
    second = chapter("Two", shown(document.text, "As @sec:01_eda-counts says."), figure("fig:roc"))
    workplace(monkeypatch, tmp_path)("smoke", **{"01_eda": first_chapter(), "02_models": second})
    (page,) = rendering.render("smoke", formats=["html"])
    assert '<a href="#01_eda-counts">Section\u00a01.1</a>' in page.read_text(encoding="utf-8")
