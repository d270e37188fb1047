"""The page in a real browser: sliders that say what Python computes, tables that sort, nothing fetched, readable for all."""

import contextlib
import shutil

import numpy as np
import pandas as pd
import pytest
from tiny_chapters import chapter, figure, shown, table, workplace

from cxr_helpers import paths, records
from cxr_helpers.report import document, explorer, rendering
from cxr_helpers.tables import results

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OFFLINE = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]

RNG = np.random.default_rng(0)
SCORES = pd.DataFrame({"y_true": [0, 1] * 40}).assign(y_score=lambda t: np.clip(0.3 * t.y_true + 0.7 * RNG.random(len(t)), 0, 1))
OTHER = SCORES.assign(y_score=1 - SCORES.y_score)
SYSTEMS = {"good <one>": (SCORES, 0.512), "bad": (OTHER, 0.25)}


def rows(count):
    named = {"system": [f"model {number}" for number in range(count)]}
    frame = pd.DataFrame(named | {"AUC": [f"0.9{number} (0.8–0.99)" for number in range(count)]})
    frame.loc[0, "AUC"] = "–"
    return shown(document.table, frame.iloc[::-1], "tbl:many", caption="Many rows. And more.")


@contextlib.contextmanager
def opened_in_browser(path):
    """Yield a page in Chromium; a request that leaves it, or an error of its script, fails the test when it is closed."""
    problems = []
    with playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=OFFLINE)
        opened = browser.new_page()
        opened.on("pageerror", lambda error: problems.append(str(error)))
        opened.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        opened.on("request", lambda request: None if request.url.startswith(("file:", "data:")) else problems.append(request.url))
        opened.goto(path.as_uri())
        yield opened
        browser.close()
    assert not problems


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Open the rendered page of one chapter."""
    with pytest.MonkeyPatch.context() as patch:
        write = workplace(patch, tmp_path_factory.mktemp("report"))
        panel = shown(document.panel, explorer.panel(SYSTEMS))
        write("full", **{"01_eda": chapter("One", figure("fig:one"), panel, rows(9), table("tbl:wide", columns=9))})
        (path,) = rendering.render("full", formats=("html",))
    with opened_in_browser(path) as opened:
        yield opened


def said(page) -> dict[str, str]:
    return {name: page.locator(f'.explorer [data-figure="{name}"]').inner_text() for name in (*explorer.COUNTS, *explorer.SHARES)}


def expected(scores, threshold, prevalence) -> dict[str, str]:
    found = explorer.figures(scores, threshold, prevalence)
    return {name: str(value) if name in explorer.COUNTS else f"{value:.3f}" for name, value in found.items()}


def test_the_panel_opens_at_the_operating_point_of_the_first_model(page):
    page.reload()
    assert said(page) == expected(SCORES, 0.512, 0.5)


def test_sliders_say_what_python_computes(page):
    for threshold, prevalence in ((0.3, 0.05), (0.75, 0.62), (0.999, 0.2)):
        page.locator('[data-control="threshold"]').fill(str(threshold))
        page.locator('[data-control="prevalence"]').fill(str(prevalence))
        assert said(page) == {key: value.replace("nan", "–") for key, value in expected(SCORES, threshold, prevalence).items()}
    page.locator('[data-control="threshold"]').focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator('[data-shows="threshold"]').inner_text() == "0.998"


def test_another_model_brings_its_own_operating_point(page):
    page.locator('[data-control="model"]').select_option("bad")
    page.locator('[data-control="prevalence"]').fill("0.5")
    assert said(page) == expected(OTHER, 0.25, 0.5)


def test_the_curve_can_be_read_by_pointing(page):
    page.locator(".explorer svg").hover(position={"x": 30, "y": 30})
    assert page.locator('[data-shows="hover"]').inner_text().startswith("At ")


def test_a_table_sorts_by_the_number_in_its_cells(page):
    many = page.locator("#tbl\\:many")
    order = lambda: many.locator("tbody tr td:first-child").all_inner_texts()  # noqa: E731
    many.get_by_role("button", name="AUC").click()
    assert order() == [f"model {number}" for number in range(1, 9)] + ["model 0"]
    many.get_by_role("button", name="AUC").click()
    assert order()[0] == "model 0" and order()[1] == "model 8"


def test_the_page_has_no_serious_fault_for_those_who_do_not_see_it(page):
    assert not serious_faults(page)


def serious_faults(page) -> list[tuple]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(page).response["violations"]
    serious = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    return [(rule["id"], node["html"][:200]) for rule in serious for node in rule["nodes"]]


@pytest.mark.realdata
def test_the_committed_report_moves_as_its_records_say():
    """The panel of the report itself, against the stored scores; the viewer shows the map that was chosen, and one only."""
    with opened_in_browser(paths.ROOT / "reports" / "thesis.html") as page:
        name = page.locator('[data-control="model"] option').first.inner_text()
        run = results.best_on_validation(records.of(name, "full"))
        for threshold, prevalence in ((0.5, 0.2), (0.9, 0.05)):
            page.locator('[data-control="threshold"]').fill(str(threshold))
            page.locator('[data-control="prevalence"]').fill(str(prevalence))
            assert said(page) == expected(run.split("test"), threshold, prevalence)
        page.get_by_label("LIME", exact=True).check()
        shown_maps = page.locator(".map-viewer figure:visible")
        assert shown_maps.count() == 1 and "LIME" in shown_maps.locator("figcaption").inner_text()
        assert not serious_faults(page)
