"""The page in a real browser: sliders that say what Python computes, tables that sort, nothing fetched, readable for all."""

import contextlib
import io
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from PIL import Image, ImageColor
from tiny_chapters import chapter, figure, shown, table, workplace

from cxr_helpers import paths
from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.report import explorer, region_explorer
from cxr_helpers.plots.style import COLOURS
from cxr_helpers.report import document, rendering
from cxr_helpers.tables import final_model, formatting

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OFFLINE = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]

RNG = np.random.default_rng(0)
SCORES = pd.DataFrame({"y_true": [0, 1] * 40}).assign(y_score=lambda t: np.clip(0.3 * t.y_true + 0.7 * RNG.random(len(t)), 0, 1))
SCORES = SCORES.assign(image_id=[f"test/{n:02}" for n in range(80)], patient_id=[f"p{n // 3}" for n in range(80)])
OTHER = SCORES.assign(y_score=1 - SCORES.y_score)
SYSTEMS = {"good <one>": (SCORES, 0.512), "bad": (OTHER, 0.25)}
REGIONS = pd.DataFrame(
    {"image_id": [f"test/{n}" for n in range(80)], "y_true": [0, 1] * 40, "split": ["val", "val", "test", "test"] * 20}
)
REGIONS = REGIONS.assign(model=region_explorer.NETWORK, protocol="official", width=RNG.integers(900, 2000, len(REGIONS)))
REGIONS = REGIONS.assign(
    **{view: np.clip(0.3 * REGIONS.y_true + 0.7 * RNG.random(len(REGIONS)), 0, 1) for view in region_explorer.VIEWS}
)
PIXELS = {name: RNG.integers(0, 255, (224, 224), np.uint8) for name in ("test/2", "test/3", "test/6", "test/7")}


def rows(count, label):
    named = {"system": [f"model {number}" for number in range(count)]}
    frame = pd.DataFrame(named | {"AUC": [f"0.9{number} (0.8–0.99)" for number in range(count)]})
    frame.loc[0, "AUC"] = "–"
    return shown(document.table, frame.iloc[::-1], label, caption="Many rows. And more.")


def curves():
    fig, ax = plt.subplots(figsize=(4, 3))
    for name in COLOURS:
        ax.plot([0, 0.5, 1], [0, 0.25 + list(COLOURS).index(name) / 10, 1], color=COLOURS[name], label=name)
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="false-positive rate", ylabel="sensitivity (recall)")
    return shown(document.figure, fig, "fig:curves", caption="Curves.", alt="Rising curves")


def image():
    fig, ax = plt.subplots(figsize=(2, 2))
    ax.imshow(RNG.random((200, 200)), cmap="gray")
    return shown(document.figure, fig, "fig:image", caption="An image.", alt="Noise")


def named():
    frame = pd.DataFrame({"run": ["`mobilenet-official-s1`", "net"], "AUC": [0.91, 0.92]})
    return shown(document.table, frame, "tbl:named", caption="Two rows.")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as tool:
        yield tool.chromium.launch(executable_path=CHROMIUM, args=OFFLINE)


@contextlib.contextmanager
def opened_in(browser, path, **options):
    """Yield a page in Chromium; a request that leaves it, or an error of its script, fails the test when it is closed."""
    problems = []
    opened = browser.new_page(**options)
    opened.set_default_timeout(180_000)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    opened.on("request", lambda request: None if request.url.startswith(("file:", "data:")) else problems.append(request.url))
    opened.goto(path.as_uri())
    yield opened
    opened.close()
    assert not problems


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """Return the page of a report of one chapter."""
    with pytest.MonkeyPatch.context() as patch:
        write = workplace(patch, tmp_path_factory.mktemp("report"))
        patch.setattr(explorer, "front", lambda profile: explorer.panel(SYSTEMS))
        seen = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAACADs="
        patch.setattr(region_explorer, "views", lambda image: dict.fromkeys(region_explorer.VIEWS, seen))
        patch.setattr(region_explorer, "front", lambda profile: region_explorer.panel(REGIONS, PIXELS))
        said = shown(document.text, "Of **624** images [@kermany2018] −0.5 % are lost; see VGG-16 and @tbl:named.")
        pieces = [figure("fig:one"), curves(), image(), rows(9, "tbl:many"), rows(13, "tbl:long"), named(), said]
        pieces.append(table("tbl:wide", columns=9))
        write("full", **{"21_net": chapter("One", *pieces)})
        (path,) = rendering.render("full", ["thesis"], formats=("html",))
        return path


@pytest.fixture(scope="module")
def page(browser, rendered):
    with opened_in(browser, rendered) as opened:
        yield opened


def said(page) -> dict[str, str]:
    return {
        name: page.locator(f'.explorer[data-models] [data-figure="{name}"]').inner_text()
        for name in (*explorer.COUNTS, *explorer.SHARES)
    }


def limits_said(page) -> dict[str, str]:
    return {name: page.locator(f'[data-limits="{name}"]').inner_text() for name in ("sensitivity", "specificity")}


def limits_expected(scores, threshold) -> dict[str, str]:
    """Return the intervals as every table of the report has them."""
    found = metrics.evaluate(scores.assign(y_score=scores.y_score.round(explorer.DIGITS)), threshold)
    return {
        name: f"({formatting.between(found.loc[key].ci_low, found.loc[key].ci_high)})"
        for name, key in (("sensitivity", "recall"), ("specificity", "specificity"))
    }


def expected(scores, threshold, prevalence) -> dict[str, str]:
    found = explorer.figures(scores, threshold, prevalence)
    words = {name: str(value) if name in explorer.COUNTS else f"{value:.3f}" for name, value in found.items()}
    return {name: word.replace("nan", "–") for name, word in words.items()}


def test_the_panel_opens_at_the_operating_point_of_the_first_model(page):
    page.reload()
    assert said(page) == expected(SCORES, 0.512, 0.5)


def test_sliders_say_what_python_computes(page):
    for threshold, prevalence in ((0.3, 0.05), (0.75, 0.62), (0.999, 0.2)):
        page.locator('[data-control="threshold"]').fill(str(threshold))
        page.locator('[data-control="prevalence"]').fill(str(prevalence))
        assert said(page) == expected(SCORES, threshold, prevalence)
        assert limits_said(page) == limits_expected(SCORES, threshold)
    page.locator('[data-control="threshold"]').focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator('[data-shows="threshold"]').inner_text() == "0.998"


def test_another_model_brings_its_own_operating_point(page):
    page.locator('[data-control="model"]').select_option("bad")
    page.locator('[data-control="prevalence"]').fill("0.5")
    assert said(page) == expected(OTHER, 0.25, 0.5) and limits_said(page) == limits_expected(OTHER, 0.25)


def test_the_panel_of_regions_says_what_python_computes(page):
    test, limits = region_explorer.official(REGIONS)
    panel = page.locator(".explorer.regions")
    for low, high in ((test.width.min(), test.width.max()), (1200, 1700), (1500, 1500)):
        panel.locator('[data-control="from"]').fill(str(low))
        panel.locator('[data-control="to"]').fill(str(high))
        for place, view in enumerate(region_explorer.VIEWS):
            for name, value in region_explorer.figures(test, view, limits[view], (low, high)).items():
                word = panel.locator(f'[data-figure="{name}"][data-view="{place}"]').inner_text()
                assert word == f"{value:.3f}".replace("nan", "–"), (name, view, low, high)
        counted = test[test.width.between(low, high)].y_true
        assert panel.locator('[data-shows="ill"]').inner_text() == str(counted.sum())


def test_the_examples_show_what_was_chosen(page):
    panel = page.locator(".explorer.regions")
    assert panel.locator(".examples img:visible").count() == len(PIXELS)
    panel.get_by_label("lungs only").check()
    shown_views = panel.locator(".examples img:visible").evaluate_all("each => each.map((one) => one.dataset.view)")
    assert shown_views == ["lungs only"] * len(PIXELS)


def test_the_curve_can_be_read_by_pointing(page):
    page.locator(".explorer svg").hover(position={"x": 30, "y": 30})
    assert page.locator('[data-shows="hover"]').inner_text().startswith("At ")


def test_images_inside_figures_are_webp_and_keep_their_place_before_they_are_drawn(rendered):
    html = rendered.read_text(encoding="utf-8")
    assert "data:image/webp" in html and "data:image/jpeg" not in html and "data:image/png" not in html
    lazy = re.findall(r'src="data:image/svg[^"]*" width="\d+" height="\d+" loading="lazy"', html)
    assert len(lazy) == html.count('src="data:image/svg') == 3


def test_below_a_figure_stand_links_to_its_data_and_its_cell(page):
    links = page.locator("#fig\\:curves + .origin a")
    assert links.all_inner_texts() == ["SVG", "fig-curves.csv", "sources", "cell 3 of 21_net.ipynb"]


def test_data_and_drawing_of_a_figure_are_saved_without_a_network(page, tmp_path):
    links = page.locator("#fig\\:curves + .origin a")
    saved = {}
    for name in ("fig-curves.csv", "SVG"):
        with page.expect_download() as waiting:
            links.filter(has_text=name).click()
        waiting.value.save_as(tmp_path / waiting.value.suggested_filename)
        saved[name] = tmp_path / waiting.value.suggested_filename
    assert saved["SVG"].name == "fig-curves.svg" and "<svg" in saved["SVG"].read_text(encoding="utf-8")[:600]
    table = pd.read_csv(saved["fig-curves.csv"])
    assert set(table.series) == set(COLOURS) and table.y.max() == 1


def test_a_link_shows_what_it_leads_to(page):
    for target, words in (("#ref-kermany2018", "D. S. Kermany"), ("#tbl:named", "Two rows.")):
        link = page.locator(f'main p a[href="{target}"]').first
        link.focus()
        assert words in page.get_by_role("tooltip").inner_text()
        page.keyboard.press("Escape")
        assert not page.get_by_role("tooltip").is_visible()


def test_a_search_finds_words_in_captions_and_text_and_leads_there(page):
    page.locator("body").press("/")
    page.keyboard.type("of 624")
    assert page.locator("nav .status").inner_text() == "1 place"
    page.locator("nav search li a").click()
    assert "images" in page.evaluate("document.activeElement.textContent")
    page.get_by_label("Search headings, captions and text").fill("no such word")
    assert page.locator("nav .status").inner_text() == "No places"
    page.get_by_label("Search headings, captions and text").fill("")


def test_the_contents_mark_the_section_that_is_read(page):
    page.locator("#refs").scroll_into_view_if_needed()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.locator("nav a[aria-current]", has_text="References").wait_for(state="attached", timeout=10_000)


def test_a_figure_is_enlarged_by_keyboard_and_closed_again(page):
    page.get_by_role("button", name="Enlarge Figure 2.").press("Enter")
    assert page.get_by_role("dialog", name="Rising curves").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()


def test_contents_are_closed_on_a_phone_and_open_on_a_wide_screen(browser, rendered):
    for width, is_open in ((390, False), (820, False), (1400, True)):
        with opened_in(browser, rendered, viewport={"width": width, "height": 844}) as page:
            assert page.locator("nav details").first.evaluate("details => details.open") is is_open
            assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_page_says_how_it_is_cited(page):
    assert page.locator('meta[name="citation_title"]').get_attribute("content")
    said = json.loads(page.locator('script[type="application/ld+json"]').inner_text())
    assert said["@type"] == "Report" and said["name"] in page.locator("nav pre").text_content()


def test_a_table_sorts_by_the_number_in_its_cells(page):
    many = page.locator("#tbl\\:many")
    order = lambda: many.locator("tbody tr td:first-child").all_inner_texts()  # noqa: E731
    many.get_by_role("button", name="AUC").click()
    assert order() == [f"model {number}" for number in range(1, 9)] + ["model 0"]
    many.get_by_role("button", name="AUC").click()
    assert order()[0] == "model 0" and order()[1] == "model 8"


def test_a_long_table_shows_the_rows_that_have_every_word(page):
    visible = lambda: page.locator("#tbl\\:long tbody tr:visible").count()  # noqa: E731
    assert page.get_by_label("Show rows with").count() == 1 and visible() == 13
    page.get_by_label("Show rows with").fill("MODEL 1")
    assert visible() == 4  # 1, 10, 11 and 12
    page.get_by_label("Show rows with").fill("model nowhere")
    assert visible() == 0
    page.get_by_label("Show rows with").fill("")
    assert visible() == 13


def test_without_scripts_the_panel_shows_its_first_model_and_no_control(browser, rendered):
    with opened_in(browser, rendered, java_script_enabled=False) as page:
        assert said(page) == expected(SCORES, 0.512, 0.5) and limits_said(page) == limits_expected(SCORES, 0.512)
        curve = [tuple(map(float, place.split(","))) for place in page.locator("polyline").get_attribute("points").split()]
        assert curve[0] == (0, 200) and curve[-1] == (200, 0) and curve == sorted(curve, key=lambda place: (place[0], -place[1]))
        dot = page.locator(".explorer circle")
        assert (float(dot.get_attribute("cx")), float(dot.get_attribute("cy"))) in curve
        assert not page.locator(".explorer .controls").first.is_visible()
        assert page.get_by_text("good <one> at its operating point, 0.512").is_visible()
        assert page.locator("#tbl\\:long tbody tr:visible").count() == 13 and page.locator("#fig\\:curves img").is_visible()


def test_the_page_has_no_serious_fault_for_those_who_do_not_see_it(page):
    assert not serious_faults(page)


def test_nothing_is_wider_than_the_screen_of_a_phone(page):
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.set_viewport_size({"width": 1280, "height": 720})


@pytest.fixture
def dark(page):
    """Show the page as on a dark screen."""
    page.emulate_media(color_scheme="dark")
    yield page
    page.emulate_media(color_scheme="light")


def test_the_page_has_no_serious_fault_on_a_dark_screen(dark):
    assert not serious_faults(dark)


def luminance(colour) -> float:
    """Return the relative luminance of WCAG 2.2 of (R, G, B), 0 to 255."""
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in np.array(colour[:3]) / 255]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def picture(page, label) -> np.ndarray:
    shot = Image.open(io.BytesIO(page.locator(f"#fig\\:{label} img").screenshot()))
    return np.asarray(shot.convert("RGB"))[5:-5, 5:-5].reshape(-1, 3)  # without the rounded corners


def test_figures_are_dark_on_a_dark_screen_with_every_colour_readable_and_images_as_they_are(page):
    light, light_image = picture(page, "curves"), picture(page, "image")
    page.emulate_media(color_scheme="dark")
    inverted, image_now = picture(page, "curves"), picture(page, "image")
    page.emulate_media(color_scheme="light")
    assert (image_now == light_image).all()
    ground = luminance(np.median(inverted, axis=0))
    assert ground < 0.02
    for name, colour in COLOURS.items():
        own = inverted[(light == ImageColor.getrgb(colour)).all(axis=1)]
        assert len(own) > 10 and (luminance(np.median(own, axis=0)) + 0.05) / (ground + 0.05) >= 3, name


def serious_faults(page) -> list[tuple]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(page).response["violations"]
    serious = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    return [(rule["id"], node["html"][:200]) for rule in serious for node in rule["nodes"]]


THESIS, COMMITTED = (paths.ROOT / "reports" / f"{name}.html" for name in ("thesis", "supplement"))
PLACES = [(0.5, 0.2), (0.9, 0.05)]  # threshold, prevalence
SAID_OF_ALL = """places => {
  const panel = document.querySelector(".explorer[data-models]");
  const control = (name) => panel.querySelector(`[data-control="${name}"]`);
  const set = (name, value, kind) => { control(name).value = value; control(name).dispatchEvent(new Event(kind)); };
  return [...control("model").options].map(({ value }) => {
    set("model", value, "change");
    const own = Number(control("threshold").value), said = places.map(([threshold, prevalence]) => {
      set("threshold", threshold, "input");
      set("prevalence", prevalence, "input");
      const outputs = [...panel.querySelectorAll("[data-figure]")];
      return Object.fromEntries(outputs.map((output) => [output.dataset.figure, output.textContent]));
    });
    return [value, own, said];
  });
}"""


def test_the_committed_report_moves_as_its_records_say(browser):
    """The panel of the report itself, for every system that scored the test images, against the stored scores."""
    final = final_model.chosen("full")
    with opened_in(browser, THESIS) as page:
        opening = float(page.locator('.explorer [data-shows="threshold"]').inner_text())
        assert limits_said(page) == limits_expected(final.split("test"), opening)
        found = page.evaluate(SAID_OF_ALL, PLACES)
    offered = explorer.experiments_shown("full", final_model.experiment(final, "full"), final)
    assert [name for name, *_ in found] == list(offered)
    for name, own, shown_figures in found:
        scores, threshold = offered[name]
        assert own == round(threshold, 3)
        assert shown_figures == [expected(scores, *place) for place in PLACES], name


# What follows the third row of a table or item of a list is like the first ones, and would take most of the time.
SHORTENED = """for (const list of document.querySelectorAll("tbody, ul, ol, #refs, .page-only"))
  for (const item of [...list.children].slice(3)) item.remove();"""


@pytest.mark.parametrize("document", [THESIS, COMMITTED], ids=["thesis", "supplement"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_committed_report_has_no_serious_fault(browser, scheme, document):
    with opened_in(browser, document, color_scheme=scheme) as page:
        page.evaluate(SHORTENED)
        assert not serious_faults(page)
