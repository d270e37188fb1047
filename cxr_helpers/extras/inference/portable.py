"""A published model as an ONNX file, with the map of Grad-CAM in its graph: ONNX Runtime answers without Keras, in a second.

The file takes one image. Kernels that float16 holds exactly, as those of a published model, take two bytes a number.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from cxr_helpers.base import environment, lazy
from cxr_helpers.errors import CxrError

keras, onnx, onnxruntime, tensorflow = map(lazy.module, ("keras", "onnx", "onnxruntime", "tensorflow"))
backends = lazy.module("cxr_helpers.extras.inference.backends")
gradcam = lazy.module("cxr_helpers.explain.gradcam")

OPSET = 17
LOG_ODDS, MAP = "log_odds", "map"


class Network:
    """A model that `write` wrote: (n, H, W) uint8 as it sees them -> P(PNEUMONIA) (n,), coarse map for PNEUMONIA (n, h, w).

    The map is Grad-CAM's before what is negative is cut off; its negative is the one for NORMAL. Both are float64. Every image is
    run alone: a single one on all cores, several each on one, so that a score does not depend on what else is predicted.
    """

    def __init__(self, path: Path) -> None:
        self._content, self._sessions = path.read_bytes(), {}
        self._session(environment.cores())

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return probabilities and coarse maps."""
        cores = environment.cores()
        run = self._session(cores if len(images) == 1 else 1)
        with ThreadPoolExecutor(cores) as pool:
            found = list(pool.map(run, images))
        log_odds, maps = (np.concatenate(part).astype(float) for part in zip(*found, strict=True))
        return 1 / (1 + np.exp(-log_odds[:, 0])), maps

    def _session(self, threads: int):
        """Return what runs one image (H, W) on so many cores."""
        if threads not in self._sessions:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads, options.log_severity_level = threads, 3
            self._sessions[threads] = onnxruntime.InferenceSession(self._content, options, providers=["CPUExecutionProvider"])
        session = self._sessions[threads]
        (source,) = session.get_inputs()
        shape = tuple(source.shape)
        return lambda image: session.run(
            [LOG_ODDS, MAP], {source.name: np.broadcast_to(image[None, ..., None], shape).astype(np.float32)}
        )


def write(model: "keras.Model", path: Path) -> None:
    """Write a classifier with one sigmoid or two softmax units to `path`: log-odds of PNEUMONIA and map of one image.

    Raises:
        CxrError: tf2onnx is not installed, Keras does not run on TensorFlow, or the graph cannot be written.
    """
    convert = backends.module("tf2onnx").convert
    if keras.backend.backend() != "tensorflow":
        raise CxrError("A model is published from TensorFlow alone: set KERAS_BACKEND=tensorflow.")
    asked = tensorflow.TensorSpec((1, *model.input_shape[1:]), tensorflow.float32, name="pixels")
    try:
        with backends.hushed():
            graph, _ = convert.from_function(
                tensorflow.function(_explained(model), input_signature=[asked]),
                input_signature=[asked],
                opset=OPSET,
                custom_op_handlers=GRADIENTS,
            )
    except Exception as error:  # converters raise anything
        raise CxrError(f"Model {model.name} cannot be written as ONNX ({str(error).strip()[:160]}).") from error
    _halve(graph.graph, [each for each in model.get_weights() if each.ndim == 4])
    path.write_bytes(graph.SerializeToString())


def _explained(model: "keras.Model"):
    """Return the function of TensorFlow pixels (1, H, W, C) -> log-odds (1, 1) and map (1, h, w), as `gradcam.gradcam` has it."""
    network = gradcam.log_odds_model(model)
    explained = gradcam.explained_layer(network).output
    below, above = keras.Model(network.input, explained), keras.Model([network.input, explained], network.output)

    def run(pixels):
        maps = below(pixels, training=False)
        with tensorflow.GradientTape() as tape:
            tape.watch(maps)
            log_odds = above([pixels, maps], training=False)
        weights = tensorflow.reduce_mean(tape.gradient(log_odds, maps), axis=(1, 2), keepdims=True)
        return {LOG_ODDS: log_odds, MAP: tensorflow.reduce_sum(maps * weights, axis=-1)}

    return run


def _sigmoid_gradient(context, node, name: str, args: list) -> None:
    """Write y (1 - y) dy for the gradient of a sigmoid, which ONNX has not."""
    y, dy = node.input
    one = context.make_const(f"{name}_one", np.float32(1)).output[0]
    _product(context, node, dy, context.make_node("Mul", [y, context.make_node("Sub", [one, y]).output[0]]).output[0])


def _relu_gradient(context, node, name: str, args: list) -> None:
    """Write dy where x > 0, else 0, for the gradient of a ReLU."""
    dy, x = node.input
    _product(context, node, dy, context.make_node("Sign", [context.make_node("Relu", [x]).output[0]]).output[0])


def _product(context, node, first: str, second: str) -> None:
    """Put the product of two tensors in the place of a node."""
    shapes, kinds, outputs = node.output_shapes, node.output_dtypes, node.output
    context.remove_node(node.name)
    context.make_node("Mul", [first, second], name=node.name, outputs=outputs, shapes=shapes, dtypes=kinds)


GRADIENTS = {"SigmoidGrad": (_sigmoid_gradient, []), "ReluGrad": (_relu_gradient, [])}


def _halve(graph, kernels: list[np.ndarray]) -> None:
    """Store what is a kernel of the model, but for a factor a channel, as that kernel in float16 and those factors.

    The converter has multiplied the scales of batch normalisation into the kernels, which float16 held before that.
    """
    kept, nodes = [], []
    for each in graph.initializer:
        values, name = onnx.numpy_helper.to_array(each), each.name
        if found := _factors(values, kernels):
            half, factors = found
            kept.append(onnx.numpy_helper.from_array(half, f"{name}_half"))
            kept.append(onnx.numpy_helper.from_array(factors, f"{name}_factors"))
            nodes.append(onnx.helper.make_node("Cast", [f"{name}_half"], [f"{name}_whole"], to=onnx.TensorProto.FLOAT))
            nodes.append(onnx.helper.make_node("Mul", [f"{name}_whole", f"{name}_factors"], [name]))
        else:
            kept.append(each)
    nodes += graph.node
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)


def _factors(values: np.ndarray, kernels: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray] | None:
    """Return (kernel as float16, factors) whose product `values` is, as ONNX lays kernels out; None where there is none."""
    for kernel in kernels if values.ndim == 4 else ():
        for order in ((3, 2, 0, 1), (2, 3, 0, 1)):  # of a convolution, of a depthwise one
            turned = np.transpose(kernel, order)
            if turned.shape == values.shape and np.array_equal(half := turned.astype(np.float16), turned):
                squares = (turned**2).sum(axis=(1, 2, 3), keepdims=True)
                factors = (values * turned).sum(axis=(1, 2, 3), keepdims=True) / np.maximum(squares, 1e-30)
                if np.abs(values - factors * turned).max() <= 2e-6 * np.abs(values).max():
                    return half, factors.astype(np.float32)
    return None
