"""Nothing comes in: what report, notebooks, stored models and arrays could be handed, and what that must not do."""

import ast
import hashlib
import json
import re

import keras
import nbformat
import numpy as np
import pandas as pd
import pytest
from checkouts import write_chapter
from commands import cxr
from fuzzed import IDENTITY, seeds
from pandocfilters import Str
from typer.testing import CliRunner

from cxr_helpers import cli, paths
from cxr_helpers.base.files import mapped, read_arrays
from cxr_helpers.data import packing
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import published_model
from cxr_helpers.extras.report import checklists
from cxr_helpers.models import weights
from cxr_helpers.report import pages, tree
from cxr_helpers.workflow import chapter_files, execution
from cxr_helpers.workflow.execution import PACKAGE

HOSTILE = (
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "`<script>alert(2)</script>`{=html}",
    '`#read("/etc/passwd")`{=typst}',
    '#read("/etc/passwd")',
    "[press](javascript:alert(3))",
    "[press](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](https://example.org/spy.png)",
    "![x](//example.org/spy.png)",
    "$(touch pwned)",
    "`touch pwned`",
    "'; DROP TABLE images; --",
    '"><svg onload=alert(4)>',
    "@fig:nothing",
    "]{.cell} ::::::",
)
RUNS_CODE = {
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "joblib.load", "torch.load", "dill.load", "shelve.open"),
    *("marshal.loads", "pd.read_pickle", "pandas.read_pickle", "os.system", "os.popen", "yaml.load"),
    "keras.config.enable_unsafe_deserialization",
}


def calls() -> list[tuple[str, str, ast.Call]]:
    """Return every call in the package: its file, the dotted name of what is called, and the call."""
    return [
        (path.name, ast.unparse(node.func), node)
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]


def test_the_package_loads_no_pickle_and_starts_no_shell():
    found = calls()
    assert len(found) > 3000
    for file, name, call in found:
        options = {word.arg: ast.unparse(word.value) for word in call.keywords}
        assert name not in RUNS_CODE and name not in ("eval", "exec"), (file, name)
        assert options.get("allow_pickle", "False") == "False" and options.get("safe_mode", "True") == "True", (file, name)
        assert options.get("shell", "False") == "False", (file, name)


def test_a_stored_array_of_objects_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "pwned"), "w")

    np.save(tmp_path / "images.npy", np.array([Evil()]), allow_pickle=True)
    np.savez(tmp_path / "maps.npz", maps=np.array([Evil()]))
    for read in (lambda: mapped(tmp_path / "images.npy"), lambda: read_arrays(tmp_path / "maps.npz", ["maps"], "measure again")):
        with pytest.raises(CxrError, match="images.npy|maps.npz"):
            read()
    assert not (tmp_path / "pwned").exists()
    assert packing.mapped is mapped


def test_a_model_that_brings_code_is_not_loaded(tmp_path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Lambda(lambda x: x * 2)(inputs))
    model.save(tmp_path / "default.keras")
    sha256 = hashlib.sha256((tmp_path / "default.keras").read_bytes()).hexdigest()
    card = json.loads((paths.ROOT / "reports/models/default.json").read_text())
    (tmp_path / "default.json").write_text(json.dumps(card | {"sha256": sha256}))
    with pytest.raises(CxrError, match="default.keras cannot be read"):
        published_model.load(tmp_path)


def test_weights_are_checked_before_they_are_used(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_WEIGHTS_DIR", str(tmp_path))
    (tmp_path / weights.LOCAL["mobilenetv2"][0]).write_bytes(b"\x80\x04.")
    with pytest.raises(CxrError, match="SHA-256 differs"):
        weights.find("mobilenetv2")


def test_no_command_lets_out_who_a_image_is_of(tmp_path):
    out, rows = tmp_path / "out", []
    out.mkdir()
    for number in range(2):
        for name, label in (("tagged.jpeg", "NORMAL"), ("explicit.dcm", "PNEUMONIA")):
            (tmp_path / f"{number} {name}").write_bytes(seeds()[name])
            rows.append(f"{number} {name},{label}")
    (tmp_path / "images.csv").write_text("\n".join(["path,label", *rows]))
    said = ""
    for command in (
        ["predict", f"{tmp_path}/[01] *", "--table", out / "table.csv", "--out", out / "maps"],
        ["score", tmp_path / "images.csv", "--out", out / "scores.csv"],
        ["explain", tmp_path / "0 explicit.dcm", "--methods", "gradcam", "--out", out / "page.html"],
    ):
        done = CliRunner().invoke(cli.app, list(map(str, command)))
        assert done.exit_code == 0, (command, done.output, done.exception)
        said += done.output
    files = [path for path in out.rglob("*") if path.is_file()]
    written = b"".join(path.read_bytes() for path in files) + said.encode()
    assert len(files) == 3 + 4  # table, scores and page; maps
    for secret in (IDENTITY, IDENTITY.replace("^", " "), "19700101"):
        assert secret.encode() not in written


@pytest.fixture(scope="module")
def hostile() -> tree.Part:
    """A chapter whose table holds what file names and metadata could bring."""
    rows = pd.DataFrame({"file": HOSTILE, "label": [f"x{text}" for text in HOSTILE]})
    text = f"# Title\n\n{checklists.table('tbl:hostile', 'Names.', rows)}"
    return checklists.listed("hostile", text)


def test_no_name_becomes_html(hostile):
    html = tree.write(hostile.cells[0].blocks, {}, "html5", [])
    tags = set(re.findall(r"<([a-zA-Z]+)", html))
    assert not tags & {"script", "img", "svg", "iframe", "object", "embed", "form", "a"}, tags
    assert "javascript:" not in re.sub(r"<[^>]*>", "", html).join(re.findall(r'(?:href|src)="([^"]*)"', html))
    assert "&lt;script&gt;" in html


def test_no_name_becomes_typst(hostile):
    opening = tree.Part("abstract", [])
    source = pages.typst_source(tree.Document([opening], [hostile], {}, {}, {}, {}))
    assert "read(" in source
    for position in (match.start() for match in re.finditer(r"#read\(", source)):
        before = source[:position]
        assert before.endswith("\\") or before.count("`") % 2 == 1, source[position - 20 : position + 20]
    plain = tree.Cell("x", [{"t": "Para", "c": [Str("#read(1)")]}])
    words = pages.typst_source(tree.Document([opening], [tree.Part("x", [plain])], {}, {}, {}, {}))
    assert "\\#read(1)" in words


@pytest.mark.parametrize("profile", ['"; import os; os.system("touch pwned") #', "smoke\nopen('pwned', 'w')", "$(touch pwned)"])
def test_a_parameter_is_a_word_and_never_code(tmp_path, monkeypatch, profile):
    monkeypatch.setattr(paths, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setenv("CXR_BUILD_DIR", str(tmp_path / "build"))
    monkeypatch.chdir(tmp_path)
    write_chapter(tmp_path / "notebooks", "01_eda", "print(profile)")
    with pytest.raises(CxrError, match="is unknown; choose one of full, smoke"):
        execution.execute("01_eda", profile)
    assert not list(tmp_path.rglob("pwned")) and not (tmp_path / "build").exists()


def test_what_papermill_injects_is_a_literal(tmp_path, monkeypatch):
    """Even if such a word came through, papermill writes it as a quoted literal."""
    from papermill.translators import PythonTranslator

    for text in HOSTILE:
        injected = PythonTranslator.codify({"profile": text})
        (assignment,) = ast.parse(injected).body
        assert ast.literal_eval(assignment.value) == text


def test_a_chapter_is_one_of_the_checkout(tmp_path):
    for text in ("../../etc/passwd", "$(touch pwned)", "01; touch pwned", "/etc/passwd"):
        done = cxr("execute", text, "--profile", "smoke", cwd=tmp_path)
        assert done.code == 1 and done.err.startswith("cxr: Chapter ")
    assert not list(tmp_path.iterdir())


def test_the_page_allows_nothing_from_outside():
    page = (paths.TEMPLATE / "page.html").read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";") if rule.strip())
    assert rules["default-src"] == "'none'" and "'unsafe-inline'" not in rules["script-src"]
    assert not re.search(r"https?:", policy)


def test_the_notebooks_hold_no_outputs_and_no_foreign_code():
    for name in chapter_files.names():
        for cell in nbformat.read(chapter_files.source(name), as_version=4).cells:
            assert not cell.get("outputs")
            if cell.cell_type == "code":
                assert not re.search(r"^\s*[!%]", cell.source, re.MULTILINE), name
