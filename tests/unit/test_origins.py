"""Which systems are behind a place of the report, and that links from there lead to their records."""

import json

import pandas as pd
import pytest
from tiny_chapters import chapter, shown, workplace

from cxr_helpers import paths, records
from cxr_helpers.config import Config
from cxr_helpers.experiments import Experiment
from cxr_helpers.report import appendix, document, origins, rendering, syntax_tree

CONFIG = Config(model="mobilenet", start="imagenet")
SYSTEMS = {
    "net": Experiment("net", "A network", "03_vgg16", "", (CONFIG,)),
    "net_gaussian+clahe": Experiment("net_gaussian+clahe", "Two steps", "02_preprocessing_ablation", "", (CONFIG,)),
}


def test_systems_are_named_by_whole_words():
    assert origins.named(["net · ROC AUC", "networks"], SYSTEMS) == ["net"]
    assert origins.named(["net_gaussian+clahe"], SYSTEMS) == ["net_gaussian+clahe"]


def test_a_chapter_reports_its_own_systems_or_those_it_names_or_all_where_it_loads_all():
    assert origins.of_chapter("03_vgg16", SYSTEMS) == ["net"]
    assert origins.of_chapter("06_comparison", SYSTEMS) == ["net", "net_gaussian+clahe"]
    explained = SYSTEMS | {"mobilenetv2_finetuned": SYSTEMS["net"]}
    assert origins.of_chapter("07_explainability", explained) == ["mobilenetv2_finetuned"]
    assert origins.of_chapter("01_eda", SYSTEMS) == []
    assert origins.of_chapter("no_chapter", SYSTEMS) == []


@pytest.fixture
def page(monkeypatch, tmp_path):
    """The page of a chapter whose table has two systems that one run answers for."""
    write = workplace(monkeypatch, tmp_path)
    scores = pd.DataFrame([["a", "p", "test", 1, 0.9], ["b", "q", "test", 0, 0.2]], columns=records.SCORE_COLUMNS)
    run = records.write(CONFIG, "smoke", {"data_hash": "17df8904882474", "git_revision": "abc1234"}, {"scores": scores})
    monkeypatch.setattr(rendering.records, "every", lambda profile: [run])
    monkeypatch.setattr(origins, "recorded", lambda profile: SYSTEMS)
    frame = pd.DataFrame({"system": list(SYSTEMS), "ROC AUC": [0.9, 0.8]})
    write("smoke", **{"21_net": chapter("One", shown(document.table, frame, "tbl:both", caption="Both."))})
    (path,) = rendering.render("smoke", formats=["html"])
    return path.read_text(encoding="utf-8")


def test_a_table_and_each_system_in_it_lead_to_the_records(page):
    assert '<td style="text-align: left;"><a href="#record-net_gaussian-clahe">net_gaussian+clahe</a></td>' in page
    note = page[page.index('<div class="origin">') :].partition("</div>")[0]
    assert '21_net.ipynb">cell 2 of' in note
    assert '<a href="#record-net"><code>net</code></a>, <a href="#record-net_gaussian-clahe">' in note


def test_a_record_tells_command_configuration_data_and_revision(page):
    record = page[page.index('id="record-net_gaussian-clahe"') :].partition("</div>")[0]
    assert "<code>cxr train net_gaussian+clahe --profile smoke</code>" in record
    assert "<code>model = mobilenet</code>, <code>start = imagenet</code>" in record
    assert f'<a href="runs/{CONFIG.run_id}/run.json">' in record
    assert "<code>17df89048824</code>" in record and "<code>abc1234</code>" in record


def test_a_run_of_two_right_images_has_an_auc_and_an_accuracy_of_one(page):
    row = page[page.index('<table id="tbl:run-results"') :].partition("</tbody>")[0]
    assert row.count(">1.000<") == 2


def test_records_without_test_images_have_no_figures(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "runs", lambda profile: tmp_path)
    scores = pd.DataFrame([["a", "p", "val", 1, 0.9]], columns=records.SCORE_COLUMNS)
    run = records.write(CONFIG, "full", {}, {"scores": scores})
    tree = syntax_tree.parse(appendix.run_records([run], SYSTEMS, "full"), appendix=True)
    assert json.dumps(tree.cells[0].blocks, ensure_ascii=False).count("–") >= 2
