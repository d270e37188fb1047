"""ResNet-18 has torchvision's parameters, padding and arithmetic, and takes a weight file of torchvision's names."""

import hashlib

import keras
import numpy as np
import pytest

from cxr_helpers import records, training
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.networks import resnet18
from cxr_helpers.models import weights

CONFIG = Config("resnet18_layer3", size=64, start="imagenet")
CONFIG_RANDOM = Config("resnet18_layer3", size=64)


def folded_weights(seed: int = 0) -> dict[str, np.ndarray]:
    """Return random weights of stem, layer 1, 2 and 3 under torchvision's names, batch normalisation folded in."""
    rng, stored = np.random.default_rng(seed), {}

    def convolution(name: str, outputs: int, inputs: int, side: int) -> None:
        stored[f"{name}.weight"] = rng.normal(0, (2 / (inputs * side**2)) ** 0.5, (outputs, inputs, side, side))
        stored[f"{name}.bias"] = rng.normal(0, 0.1, outputs)

    convolution("conv1", 64, 3, 7)
    inputs = 64
    for stage, width in enumerate((64, 128, 256), start=1):
        for block in range(2):
            name = f"layer{stage}.{block}"
            convolution(f"{name}.conv1", width, inputs, 3)
            convolution(f"{name}.conv2", width, width, 3)
            if inputs != width:
                convolution(f"{name}.downsample.0", width, inputs, 1)
            inputs = width
    return {name: value.astype("float32") for name, value in stored.items()}


def reference(stored: dict[str, np.ndarray], image: np.ndarray) -> np.ndarray:
    """Return torchvision's forward pass up to layer 3: `image` (3, H, W) → (256, H / 16, W / 16)."""

    def convolution(x: np.ndarray, name: str, stride: int) -> np.ndarray:
        kernel = stored[f"{name}.weight"]
        side = kernel.shape[-1]
        padded = np.pad(x, ((0, 0), (side // 2,) * 2, (side // 2,) * 2))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))[:, ::stride, ::stride]
        return np.einsum("ihwyx,oiyx->ohw", windows, kernel, optimize=True) + stored[f"{name}.bias"][:, None, None]

    x = np.maximum(convolution(image, "conv1", 2), 0)
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    x = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::2, ::2].max(axis=(3, 4))
    for stage in (1, 2, 3):
        for block in (0, 1):
            name, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            inner = np.maximum(convolution(x, f"{name}.conv1", stride), 0)
            shortcut = convolution(x, f"{name}.downsample.0", stride) if stride > 1 else x
            x = np.maximum(convolution(inner, f"{name}.conv2", 1) + shortcut, 0)
    return x


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Return the weight file of a folder that CXR_WEIGHTS_DIR names, known by its hash."""
    path = tmp_path / "weights" / weights.LOCAL["resnet18_layer3"][0]
    path.parent.mkdir()
    np.savez(path, **folded_weights())
    known = path.name, hashlib.sha256(path.read_bytes()).hexdigest(), weights.LOCAL["resnet18_layer3"][2]
    monkeypatch.setitem(weights.LOCAL, "resnet18_layer3", known)
    monkeypatch.setenv("CXR_WEIGHTS_DIR", str(path.parent))
    return path


def test_parameters_are_those_of_torchvision():
    # torchvision: 11,689,512, of which 513,000 are the top. Keras also counts the moving mean and variance:
    # 2 × (64 of the stem + 4 × 64 + 5 × (128 + 256 + 512)) = 9,600; one unit on 512 features has 513.
    whole, _ = resnet18.build(Config("resnet18", size=64))
    trained = sum(int(np.prod(weight.shape)) for weight in whole.trainable_weights)
    assert trained == 11_689_512 - 513_000 + 513 and whole.count_params() - trained == 9_600
    shapes = [whole.get_layer("features").input.shape[1:], resnet18.build(CONFIG_RANDOM)[0].get_layer("features").input.shape[1:]]
    assert shapes == [(2, 2, 512), (4, 4, 256)]


def test_weights_of_the_file_give_torchvisions_output(file):
    stored = folded_weights()
    model, note = resnet18.build(CONFIG)
    assert note == "ImageNet, ResNet-18 up to layer 3"
    kernel = keras.ops.convert_to_numpy(model.get_layer("layer2_0_downsample_0").kernel)
    assert kernel[0, 0, 5, 11] == stored["layer2.0.downsample.0.weight"][11, 5, 0, 0]
    image = np.random.default_rng(1).normal(size=(64, 64, 3)).astype("float32")
    expected = reference(stored, image.transpose(2, 0, 1)).mean(axis=(1, 2))
    pixels = (image - resnet18.OFFSET) / resnet18.SCALE
    ours = keras.Model(model.input, model.get_layer("features").output).predict(pixels[None], verbose=0)[0]
    assert expected.shape == (256,) and expected.std() > 0.1
    np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-3 * expected.max())


def test_scale_and_offset_are_torchvisions_normalisation():
    # Mid-grey 127.5 is 0.5 after ToTensor; green: (0.5 - 0.456) / 0.224.
    assert 127.5 * resnet18.SCALE[1] + resnet18.OFFSET[1] == pytest.approx((0.5 - 0.456) / 0.224)
    model, _ = resnet18.build(CONFIG_RANDOM)
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)


@pytest.mark.parametrize("model", ["resnet18", "resnet18_layer3"])
def test_weights_that_are_not_here_are_refused(model, tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_WEIGHTS_DIR", str(tmp_path))
    with pytest.raises(CxrError, match=r"resnet18_stem_to_layer3_bnfolded.npz into the folder CXR_WEIGHTS_DIR"):
        resnet18.build(Config(model, size=64, start="imagenet"))


@pytest.mark.parametrize("config", [CONFIG, Config("svm", features="resnet18_layer3", data="brain", start="imagenet")])
def test_a_file_of_another_hash_is_refused_before_any_work(config, file, tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_BUILD_DIR", str(tmp_path / "build"))
    monkeypatch.setattr(records.paths, "runs", lambda profile: tmp_path / "runs")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(CxrError, match=r"bnfolded.npz is not the expected weight file \(its SHA-256 differs\); fetch it again"):
        training.train(config, "smoke")
    assert list(tmp_path.iterdir()) == [file.parent]
