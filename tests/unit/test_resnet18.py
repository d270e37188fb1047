"""ResNet-18 has torchvision's parameters, padding and arithmetic, and takes a weight file of torchvision's names."""

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.networks import resnet18
from cxr_helpers.models.weights import Unavailable


def torch_weights(seed: int = 0) -> dict[str, np.ndarray]:
    """Return random weights under the names and in the shapes of torchvision's resnet18 state dict."""
    rng = np.random.default_rng(seed)
    weights = {}

    def convolution(name: str, norm: str, outputs: int, inputs: int, side: int) -> None:
        weights[f"{name}.weight"] = rng.normal(0, (2 / (inputs * side**2)) ** 0.5, (outputs, inputs, side, side))
        for part in ("weight", "running_var"):
            weights[f"{norm}.{part}"] = rng.uniform(0.5, 1.5, outputs)
        for part in ("bias", "running_mean"):
            weights[f"{norm}.{part}"] = rng.normal(0, 0.1, outputs)

    convolution("conv1", "bn1", 64, 3, 7)
    inputs = 64
    for stage, width in enumerate((64, 128, 256, 512), start=1):
        for block in range(2):
            name = f"layer{stage}.{block}"
            convolution(f"{name}.conv1", f"{name}.bn1", width, inputs, 3)
            convolution(f"{name}.conv2", f"{name}.bn2", width, width, 3)
            if inputs != width:
                convolution(f"{name}.downsample.0", f"{name}.downsample.1", width, inputs, 1)
            inputs = width
    weights["fc.weight"], weights["fc.bias"] = rng.normal(0, 0.05, (1000, 512)), rng.normal(0, 0.05, 1000)
    return {name: value.astype("float32") for name, value in weights.items()}


def reference(weights: dict[str, np.ndarray], image: np.ndarray) -> np.ndarray:
    """Return torchvision's forward pass up to the last feature map: `image` (3, H, W) → (512, H / 32, W / 32)."""

    def convolution(x: np.ndarray, name: str, stride: int) -> np.ndarray:
        kernel = weights[f"{name}.weight"]
        side = kernel.shape[-1]
        padded = np.pad(x, ((0, 0), (side // 2,) * 2, (side // 2,) * 2))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))[:, ::stride, ::stride]
        return np.einsum("ihwyx,oiyx->ohw", windows, kernel, optimize=True)

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        gamma, beta, mean, variance = (
            weights[f"{name}.{part}"][:, None, None] for part in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta

    x = np.maximum(norm(convolution(image, "conv1", 2), "bn1"), 0)
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    x = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::2, ::2].max(axis=(3, 4))
    for stage in (1, 2, 3, 4):
        for block in (0, 1):
            name, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            inner = np.maximum(norm(convolution(x, f"{name}.conv1", stride), f"{name}.bn1"), 0)
            inner = norm(convolution(inner, f"{name}.conv2", 1), f"{name}.bn2")
            if stride > 1:
                x = norm(convolution(x, f"{name}.downsample.0", stride), f"{name}.downsample.1")
            x = np.maximum(inner + x, 0)
    return x


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    return torch_weights()


@pytest.fixture
def file(weights, tmp_path):
    """Return a weight file as timm publishes it, with the counters of batches that torchvision keeps."""
    counters = {name.replace("running_var", "num_batches_tracked"): np.array(7) for name in weights if "running_var" in name}
    path = tmp_path / resnet18.FILE
    save_file(weights | counters, path)
    return path


def test_parameters_are_those_of_torchvision():
    # torchvision: 11,689,512 with 512 × 1,000 weights and 1,000 biases on top. Keras also counts the moving mean and
    # variance: 2 × (64 of the stem + 4 × 64 + 5 × (128 + 256 + 512)) = 9,600.
    whole = resnet18.ResNet18(include_top=True, input_shape=(64, 64, 3))
    trained = sum(int(np.prod(weight.shape)) for weight in whole.trainable_weights)
    assert trained == 11_689_512 and whole.count_params() - trained == 9_600
    assert resnet18.ResNet18(input_shape=(64, 64, 3)).count_params() - 9_600 == 11_689_512 - 513_000 == 11_176_512


def test_the_image_shrinks_by_32():
    assert resnet18.ResNet18(input_shape=(224, 224, 3)).output_shape == (None, 7, 7, 512)


def test_weights_of_a_file_give_torchvisions_output(weights, file):
    model = resnet18.ResNet18(weights=str(file), input_shape=(64, 96, 3))
    kernel = keras.ops.convert_to_numpy(model.get_layer("layer2_0_downsample_0").kernel)
    assert kernel[0, 0, 5, 11] == weights["layer2.0.downsample.0.weight"][11, 5, 0, 0]
    image = np.random.default_rng(1).normal(size=(64, 96, 3)).astype("float32")
    expected = reference(weights, image.transpose(2, 0, 1)).transpose(1, 2, 0)
    ours = model.predict(image[None], verbose=0)[0]
    assert expected.shape == (2, 3, 512) and expected.std() > 0.1
    np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-3 * expected.max())


def test_the_top_is_transposed(weights, file):
    model = resnet18.ResNet18(include_top=True, weights=str(file), input_shape=(32, 32, 3))
    np.testing.assert_array_equal(model.get_layer("fc").get_weights()[0], weights["fc.weight"].T)


def test_scale_and_offset_are_torchvisions_normalisation():
    # Mid-grey 127.5 is 0.5 after ToTensor; green: (0.5 - 0.456) / 0.224.
    assert 127.5 * resnet18.SCALE[1] + resnet18.OFFSET[1] == pytest.approx((0.5 - 0.456) / 0.224)
    pixels = keras.Input((32, 32, 3))
    scaled = keras.layers.Rescaling(resnet18.SCALE, resnet18.OFFSET)(pixels)
    model = resnet18.ResNet18(input_tensor=scaled)
    assert model.input is pixels and not any(isinstance(layer, keras.Model) for layer in model.layers)


def test_imagenet_is_the_file_in_the_weight_folder(file, monkeypatch):
    monkeypatch.setenv("CXR_WEIGHTS_DIR", str(file.parent))
    model = resnet18.ResNet18(weights="imagenet", input_shape=(32, 32, 3))
    other = resnet18.ResNet18(weights=str(file), input_shape=(32, 32, 3))
    np.testing.assert_array_equal(model.get_layer("conv1").kernel, other.get_layer("conv1").kernel)
    file.unlink()
    with pytest.raises(Unavailable, match="timm/resnet18.tv_in1k.*CXR_WEIGHTS_DIR"):
        resnet18.ResNet18(weights="imagenet", input_shape=(32, 32, 3))


def test_wrong_files_are_refused_and_leave_the_model_as_it_was(weights, tmp_path):
    model = resnet18.ResNet18(input_shape=(32, 32, 3))
    before = model.get_weights()
    lacking = {name: value for name, value in weights.items() if name != "layer4.1.bn2.running_mean"}
    wider = weights | {"layer3.0.conv1.weight": np.zeros((256, 128, 1, 1), "float32")}
    refused = ((lacking, r"no weight layer4\.1\.bn2\.running_mean"), (wider, r"layer3\.0\.conv1\.weight in shape"))
    for content, sentence in refused:
        save_file(content, tmp_path / "wrong.safetensors")
        with pytest.raises(CxrError, match=sentence):
            resnet18.load_weights(model, tmp_path / "wrong.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"no weights at all")
    with pytest.raises(CxrError, match="cannot be read"):
        resnet18.load_weights(model, tmp_path / "broken.safetensors")
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))
