"""How fast the experiments that wait for an accelerator train there, against the rate at which it multiplies matrices."""

import dataclasses

import keras
import numpy as np
import pandas as pd
from keras import ops

from cxr_helpers import experiments
from cxr_helpers.base.progress import say
from cxr_helpers.config import Config
from cxr_helpers.extras.benchmarks.harness import medians, seconds
from cxr_helpers.extras.networks import operations
from cxr_helpers.training import fitting, network

EXPERIMENTS = {  # → batch sizes
    "vgg16_224": (32, 256),
    "resnet50_224": (32, 256),
    "mobilenet_rahman_finetuned": (32,),
    "mobilenetv2_final_224": (32,),
}
PASSES = 3  # of multiplications in training: forward, and backward to inputs and to weights
MATRIX = {"bfloat16": "matrix product, bfloat16", "float32": "matrix product, float32"}


@dataclasses.dataclass(frozen=True)
class Plan:
    """Side of the matrices, products a round, images an epoch, and rounds."""

    side: int
    products: int
    images: int
    rounds: int


PLANS = {"full": Plan(8192, 20, 2048, 5), "smoke": Plan(512, 4, 64, 2)}


def measure(profile: str) -> pd.DataFrame:
    """Return one row per round, experiment (column system) and task: operations/s of a matrix product, or images/s in training.

    Without an accelerator the same is measured on the processor. An experiment trains as its configuration says, from the
    reading of images to the step of the optimiser; operations are two a multiply-add, and `PASSES` passes an image.
    """
    plan, rows = PLANS[profile], []
    for dtype, task in MATRIX.items():
        rows += [(place, "", task, rate) for place, rate in enumerate(_matrix_rates(plan, dtype))]
    for name, sizes in EXPERIMENTS.items():
        for size in sizes if profile == "full" else sizes[:1]:
            config = dataclasses.replace(experiments.get(name, profile).configs[0], batch_size=size)
            rates, count = _training_rates(config, profile, plan)
            say(f"accelerator: {name}, batch of {size}, {np.median(rates):,.0f} images/s")
            rows += [(place, name, f"images/s, batch of {size}", rate) for place, rate in enumerate(rates)]
            rows += [(0, name, "operations an image", 2 * PASSES * count)]
    return pd.DataFrame(rows, columns=["round", "system", "task", "value"]).drop_duplicates(["round", "system", "task"])


def figures(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return rates and shares of the bfloat16 matrix rate, medians over rounds: figure, value, ci_low, ci_high."""
    found, values = {}, {key: part.value.to_numpy() for key, part in repeats.groupby(["system", "task"], sort=False)}
    limit = np.median(values["", MATRIX["bfloat16"]])
    for (name, task), rates in values.items():
        if task in MATRIX.values():
            found[f"{task} (TFLOP/s)"] = rates / 1e12
        elif "images/s" in task:
            found[f"{name}, {task}"] = rates
            share = rates * values[name, "operations an image"][0] / limit
            found[f"{name}, {task.replace('images/s', 'share of the matrix rate')}"] = share
    return medians(found)


def _matrix_rates(plan: Plan, dtype: str) -> list[float]:
    """Return operations/s of products of two square matrices, by round; a first round is not counted."""
    left, right = (keras.random.normal((plan.side, plan.side), dtype=dtype, seed=seed) / plan.side**0.5 for seed in (0, 1))

    def chain() -> None:
        product = left
        for _ in range(plan.products):
            product = ops.matmul(product, right)
        ops.convert_to_numpy(product[:1, :1])  # waits for the accelerator

    chain()
    return [2 * plan.side**3 * plan.products / seconds(chain) for _ in range(plan.rounds)]


def _training_rates(config: Config, profile: str, plan: Plan) -> tuple[list[float], int]:
    """Return (images/s of each round of training, multiply-adds of an image's pass) of a configuration."""
    keras.config.set_dtype_policy(config.precision)
    try:
        task, _ = network.prepare(config, profile)
        trainer, batches = fitting.streaming(task)
    finally:
        keras.config.set_dtype_policy("float32")
    steps = max(1, plan.images // config.batch_size)
    batches.rows, batches.labels = batches.rows[: steps * config.batch_size], batches.labels[: steps * config.batch_size]
    batches.order = np.arange(len(batches.rows))
    fitting.compile_model(trainer, config, steps)
    spent = [seconds(lambda: trainer.fit(batches, epochs=1, shuffle=False, verbose=0)) for _ in range(1 + plan.rounds)]
    return [len(batches.rows) / each for each in spent[1:]], operations.multiply_adds(task.model)
