"""A chapter's own network: its graph and first weights are its key, and what cannot be trained is refused."""

import keras
import numpy as np
import pytest
from keras import layers

from cxr_helpers import experiments, paths, training
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.training import network

CONFIG = Config("custom_cnn", size=32, epochs=1)


def build(config, width=4, name=None):
    pixels = keras.Input((config.size, config.size, 3))
    x = layers.GlobalAveragePooling2D(name=name)(layers.Conv2D(width, 3)(pixels))
    return keras.Model(pixels, layers.Dense(1, activation="sigmoid")(x))


def test_equal_graphs_have_one_key_however_often_they_are_built():
    first, _ = network.built(CONFIG, build)
    again, _ = network.built(CONFIG, build)
    assert first == again and first.run_id.startswith("own-official-s0-")


def test_graph_weights_and_seed_enter_the_key():
    def trained_before(config):
        model = build(config)
        model.set_weights([np.ones_like(weight) for weight in model.get_weights()])
        return model

    made = [CONFIG, Config("custom_cnn", size=32, epochs=1, seed=1)]
    keys = {network.built(config, build)[0].key for config in made}
    keys |= {network.built(CONFIG, other)[0].key for other in (lambda config: build(config, 5), trained_before)}
    assert len(keys) == 4


def test_without_the_layer_above_which_the_row_trains_all_layers_are_trained(capsys):
    frozen = Config("mobilenet", size=32, trainable="head", views=2, augmentation="kilaru")
    config, _ = network.built(frozen, build)
    assert (config.trainable, config.views) == ("all", 0) and "all layers are" in capsys.readouterr().out
    config, _ = network.built(frozen, lambda config: build(config, name="features"))
    assert (config.trainable, config.views) == ("head", 2)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda config: None, r"build\(configuration\) returned NoneType; return a keras.Model"),
        (lambda config: build(Config("own", size=64)), "leads from"),
        (lambda config: keras.Sequential([keras.Input((32, 32, 1)), layers.Flatten()]), "must lead from"),
    ],
)
def test_what_is_no_such_network_is_refused(wrong, sentence):
    with pytest.raises(CxrError, match=sentence):
        network.built(CONFIG, wrong)


@pytest.fixture
def made(workplace, monkeypatch):
    """Return the configurations that were trained; making takes no time and gives no scores."""
    trained = []

    def make(config, profile, model=None):
        trained.append(config)
        return {}, {}

    monkeypatch.setattr(network, "make", make)
    monkeypatch.setattr(training.plugins, "names", lambda group: [])
    monkeypatch.setattr(training.environment, "current", lambda: {})
    return trained


def test_unchanged_the_committed_records_are_returned_or_named(made):
    unchanged = experiments.configuration("resnet50_thesis", "full", epochs=20)
    with pytest.raises(CxrError, match="cxr train resnet50_thesis"):
        training.fit_or_load(unchanged, "full")
    stored = [training.train(config, "full").run_id for config in unchanged.configs]
    assert [record.run_id for record in training.fit_or_load(unchanged, "full")] == stored and len(made) == len(stored)


def test_a_change_is_made_to_the_runs_of_the_row_and_kept_apart(made):
    written = experiments.get("resnet50_thesis", "full").configs
    for config in written:
        training.train(config, "full")
    changed = experiments.configuration("resnet50_thesis", "full", dropout=0.2)
    record, *others = training.fit_or_load(changed, "full")
    assert (record.config.dropout, record.config.size, record.config.start) == (0.2, 224, "random")
    assert record.folder.parent == paths.scratch_runs("full") and len(list(paths.runs("full").iterdir())) == len(written)
    assert training.fit_or_load(changed, "full")[0].run_id == record.run_id and len(made) == 2 * len(written)
    assert len(others) == len(written) - 1


def test_a_further_seed_is_trained_beside_those_that_are_recorded(made):
    first = experiments.get("ablation_none", "full").configs[0]
    training.train(first, "full")
    found = training.fit_or_load(experiments.configuration("ablation_none", "full", seeds=[0, 7]), "full")
    assert [record.config.seed for record in found] == [0, 7]
    assert [record.folder.parent for record in found] == [paths.runs("full"), paths.scratch_runs("full")]


def test_an_own_network_is_asked_for_once(made):
    unchanged = experiments.configuration("ablation_none", "smoke")
    (record,) = training.fit_or_load(unchanged, "smoke", build)
    assert record.config.own and record.folder.parent == paths.scratch_runs("smoke")
    training.fit_or_load(unchanged, "smoke", build)
    assert len(made) == 1
