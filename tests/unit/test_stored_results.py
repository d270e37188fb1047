"""What was read is noted until something is shown."""

import pytest

from cxr_helpers.base import stored_results
from cxr_helpers.errors import CxrError


def test_what_was_read_counts_once_and_only_if_it_is_there(workplace, monkeypatch):
    monkeypatch.setattr(stored_results, "_noted", set())
    (workplace / "a.csv").write_text("x\n1\n")
    stored_results.read(workplace / "a.csv", "")
    stored_results.note(workplace / "never_written.csv")
    assert stored_results.sources() == {"a.csv": stored_results.digest(workplace / "a.csv")}
    assert stored_results.sources() == {}


def test_a_changed_file_has_another_digest(tmp_path):
    (tmp_path / "a").write_text("1")
    before = stored_results.digest(tmp_path / "a")
    (tmp_path / "a").write_text("23")
    assert stored_results.digest(tmp_path / "a") != before


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
