"""What a person types is checked before work starts, and every fault is named in one sentence."""

import pytest
from checkouts import ALPHA
from commands import cxr

from cxr_helpers import config, experiments
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import backends

ROW = ALPHA.replace('config = { model = "custom_cnn" }', "config = { model = 'custom_cnn', %s }")
FAULTS = {
    "text for a number": (ROW % 'epochs = "3"', r"\[alpha\]: epochs='3': input should be a valid integer"),
    "a rate below 0": (ROW % "learning_rate = -1", r"\[alpha\]: learning_rate=-1: input should be greater than 0"),
    "a field of another name": (ROW % "epoch = 3", r"\[alpha\]: epoch=3: unknown; it has model, protocol"),
    "a key of another name": (ALPHA + "seed = 3\n", r"\[alpha\]: seed=3: unknown; it has seeds, protocols, title, chapter"),
    "a seed among the fields": (
        ALPHA.replace('"custom_cnn"', '"custom_cnn", seed = 3'),
        r"a seed stands beside it: seeds = \[0, 1, 2\]",
    ),
    "a seed in a variant": (ALPHA + "variants = { a = { seed = 3 } }\n", r"\[alpha\]: seed=3: a seed stands beside it"),
    "no seed": (ALPHA.replace("[0, 1]", "[]"), r"\[alpha\]: seeds=\[\]: list should have at least 1 item"),
    "a number that is none": (ROW % "learning_rate = inf", r"\[alpha\]: learning_rate=inf: input should be a finite number"),
    "a line outside of rows": ("loose = 3\n" + ALPHA, r"\[loose\]: =3: input should be a valid dictionary"),
    "a shared line that is none": ("smoke = 3\n" + ALPHA, "cannot be read .*mend the line"),
    "a size that no memory holds": (
        ALPHA.replace('"custom_cnn"', '"custom_cnn", size = 100000'),
        "size=100000: input should be less than or equal to 1024",
    ),
    "a seed below 0": (ALPHA.replace("[0, 1]", "[-1]"), r"\[alpha\]: seeds.0=-1: input should be greater than or equal to 0"),
    "a seed that is too large": (ALPHA.replace("[0, 1]", "[4294967296]"), "seeds.0=4294967296: input should be less than"),
    "a key twice": (ALPHA + "seeds = [2]\n", "cannot be read .*mend the line"),
    "no title": (ALPHA.replace("title", "name"), r"\[alpha\]: title: field required; name='Alpha': unknown"),
    "no TOML": ("[alpha\n", "cannot be read .*mend the line"),
}


@pytest.mark.parametrize(("text", "words"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_of_a_row_is_named_with_its_row(tmp_path, text, words):
    (tmp_path / "experiments.toml").write_text(text)
    with pytest.raises(CxrError, match=words):
        experiments.load("full", tmp_path / "experiments.toml")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("OMP_NUM_THREADS", "abc", "OMP_NUM_THREADS='abc': input should be a valid integer"),
        ("CXR_BACKEND", "abacus", "CXR_BACKEND='abacus': input should be 'openvino', "),
        ("CXR_PROFILE", "half", "CXR_PROFILE='half': input should be 'full', 'smoke' or 'auto'"),
        ("CXR_BUILD_DIR", __file__, "CXR_BUILD_DIR=.*is a file, or lies below one"),
        ("CXR_ROOT", f"{__file__}/below", "CXR_ROOT=.*is a file, or lies below one"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(monkeypatch, name, value, words):
    config.check_variables()
    monkeypatch.setenv(name, "")
    config.check_variables()
    monkeypatch.setenv(name, value)
    with pytest.raises(CxrError, match=words):
        config.check_variables()


def test_every_backend_may_be_named(monkeypatch):
    for name in backends.TITLES:
        monkeypatch.setenv("CXR_BACKEND", name)
        config.check_variables()


def test_the_real_command_says_it_before_it_works(tmp_path):
    done = cxr("train", "mobilenet_official", OMP_NUM_THREADS="abc")
    assert done.code == 1 and done.err.count("\n") == 1 and "OMP_NUM_THREADS='abc'" in done.last
    for seed in (-1, 2**32):
        done = cxr("train", "mobilenet_official", "--seed", seed)
        assert done.code == 2 and "--seed" in done.err and "Traceback" not in done.err
    done = cxr("report", "--profile", "smoke", CXR_ROOT=tmp_path)
    assert done.code == 1 and "holds no Snakefile, and the whole report is made in a checkout" in done.last
