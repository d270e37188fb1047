"""A training that is cut goes on after its last whole epoch, and ends as if nothing had happened."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from cxr_helpers import paths
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.models import catalogue
from cxr_helpers.training import fitting

WHOLE = Config("custom_cnn", size=32, epochs=4, batch_size=12, augmentation="kilaru", dropout=0.3, patience=2, schedule="cosine")
HEAD = Config("custom_cnn", size=32, epochs=4, batch_size=12, trainable="head", dropout=0.3, optimizer="adamw", average=0.9)


class Cut(Exception):
    pass


def task(config: Config) -> fitting.Task:
    """Return a network and forty images, a third of whose labels mean nothing, so that early stopping has something to do."""
    keras.utils.set_random_seed(config.seed)
    rng, y_true = np.random.default_rng(0), np.arange(40) % 2
    pixels = rng.integers(60, 120, (40, 32, 32)).astype("uint8")
    pixels[(y_true == 1) & (rng.random(40) < 0.7), 8:20, 8:20] = 250
    table = pd.DataFrame({"row": np.arange(40), "y_true": y_true, "split": np.repeat(["train", "val"], [24, 16])})
    return fitting.Task(config, "smoke", catalogue.build(config)[0], pixels, table, "0123456789")


@pytest.fixture
def build(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_BUILD_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("config", [WHOLE, HEAD], ids=["early stopping", "stored features"])
def test_it_ends_as_if_nothing_had_happened(config, build, monkeypatch, capsys):
    history, scores, *_ = fitting.fit(task(config))
    keep = fitting.Kept.on_epoch_end

    def cut(self, epoch, logs=None):
        if epoch == 2:
            raise Cut
        keep(self, epoch, logs)

    monkeypatch.setattr(fitting.Kept, "on_epoch_end", cut)
    with pytest.raises(Cut):
        fitting.fit(task(config))
    monkeypatch.setattr(fitting.Kept, "on_epoch_end", keep)
    capsys.readouterr()
    resumed, same, *_ = fitting.fit(task(config))
    said = capsys.readouterr().out
    assert "goes on after epoch 2" in said and "epoch 2 of" not in said
    np.testing.assert_allclose(resumed, history, rtol=1e-4)
    np.testing.assert_allclose(same.y_score, scores.y_score, atol=1e-5)
    assert not list((paths.build("smoke") / "cut").iterdir())


def test_after_its_last_epoch_it_only_scores(build, monkeypatch, capsys):
    monkeypatch.setattr(Path, "unlink", lambda path, missing_ok=False: None)  # of what was kept, at the end of a training
    history, scores, *_ = fitting.fit(task(HEAD))
    capsys.readouterr()
    resumed, same, *_ = fitting.fit(task(HEAD))
    assert "of 4, " not in capsys.readouterr().out and resumed.equals(history)
    np.testing.assert_allclose(same.y_score, scores.y_score, atol=1e-6)


def test_a_broken_state_is_named(build):
    made = task(HEAD)
    fitting.compile_model(made.model, HEAD, 4)
    kept = fitting.Kept(made.kept_as, made.model)
    kept.path.parent.mkdir(parents=True)
    kept.path.write_bytes(b"PK")
    with pytest.raises(CxrError, match="delete it, and the training begins anew"):
        kept.first_epoch(4)
