"""What stands behind a cell of a notebook: what it reads, and what stands behind the variables that it loads."""

import pytest
from IPython.core.interactiveshell import InteractiveShell

from cxr_helpers.base import provenance, stored_results
from cxr_helpers.errors import CxrError

READ = "from cxr_helpers.base import provenance, stored_results\nfrom cxr_helpers import paths\n"


@pytest.fixture
def cells(workplace, monkeypatch):
    """Return a function that runs the cells of a notebook and returns what stands behind each: the names of files."""
    for name in ("one", "two"):
        (workplace / f"{name}.csv").write_text("value\n1\n")
    shell = InteractiveShell()
    monkeypatch.setattr(provenance.ipython, "get_ipython", lambda: shell)
    monkeypatch.setattr(provenance, "_noted", set())
    monkeypatch.setattr(provenance, "_behind", {})
    provenance.watch()

    def run(*sources):
        shell.run_cell(READ + "def read(name):\n    return stored_results.read(paths.ROOT / f'{name}.csv', '')")
        found = []
        for source in sources:
            shell.run_cell(f"{source}\nhere = list(provenance.sources())").raise_error()
            found.append(shell.user_ns["here"])
        return found

    return run


@pytest.mark.parametrize(
    ("sources", "behind"),
    [
        (["read('one')", "1 + 1"], ["one.csv"]),
        (["frame = read('one')", "other = read('two')", "len(frame)"], ["one.csv"]),
        (["frame = read('one')", "half = frame / 2", "read('two')\nhalf.sum()"], ["one.csv", "two.csv"]),
        (["rows = []", "rows.append(read('one'))", "rows"], ["one.csv"]),
        (["table = {}", "table['a'] = read('two').value[0]", "[table for _ in range(2)]"], ["two.csv"]),
        (["frame = read('one')", "def doubled():\n    return 2 * frame", "doubled()"], ["one.csv"]),
        (["frame = read('one')", "frame = 3", "frame"], []),
    ],
)
def test_a_cell_has_what_it_reads_and_what_its_variables_come_from(cells, sources, behind):
    found = cells(*sources)
    assert (found[0] if sources[-1] == "1 + 1" else found[-1]) == behind
    if sources[-1] == "1 + 1":
        assert found[-1] == []


def test_outside_a_notebook_everything_that_was_read_counts(workplace, monkeypatch):
    monkeypatch.setattr(provenance, "_noted", set())
    (workplace / "a.csv").write_text("x\n1\n")
    stored_results.read(workplace / "a.csv", "")
    provenance.note(workplace / "never_written.csv")
    assert provenance.sources() == {"a.csv": provenance.digest(workplace / "a.csv")}


def test_a_changed_file_has_another_digest(tmp_path):
    (tmp_path / "a").write_text("1")
    before = provenance.digest(tmp_path / "a")
    (tmp_path / "a").write_text("23")
    assert provenance.digest(tmp_path / "a") != before


@pytest.mark.parametrize(("name", "text", "found"), [("a.json", '{"x": 1}', {"x": 1}), ("a.toml", "x = 1", {"x": 1})])
def test_stored_results_are_read_by_their_kind(tmp_path, name, text, found):
    (tmp_path / name).write_text(text)
    assert stored_results.read(tmp_path / name, "cxr measure x") == found


def test_a_missing_or_broken_result_names_its_command(workplace):
    with pytest.raises(CxrError, match="speed.csv is missing.*`cxr measure speed --profile smoke`"):
        stored_results.measurement("speed", "smoke")
    assert stored_results.measurement("speed", "smoke", missing_ok=True) is None
    (workplace / "typed.toml").write_text("=")
    with pytest.raises(CxrError, match="typed.toml cannot be read .*restore it from git"):
        stored_results.read(workplace / "typed.toml", "")
