"""The thesis' Tables 3 and 4: time and memory of each stage against the number of images, beside the claimed orders."""

import dataclasses
import itertools
from collections.abc import Callable

import pandas as pd

from cxr_helpers.base.progress import say
from cxr_helpers.data import manifest
from cxr_helpers.extras.benchmarks import fresh_process, stages
from cxr_helpers.extras.benchmarks.harness import COLUMNS
from cxr_helpers.extras.networks.programs import PROGRAMS
from cxr_helpers.extras.statistics import growth
from cxr_helpers.tables import verdicts

BOTH = "both"  # the stages before the network are the same in both programs
_FLOOR = 1e-3  # seconds or MB
QUANTITIES = {"seconds": "time", "megabytes": "memory"}
# Program -> stage -> ((order of the time, its exponent in the number of images), (order of the memory, its exponent)).
# Kondragunta 2024, Tables 3 and 4: N images, K images shown (Table 3) or layers (Table 4), P parameters, E epochs,
# M operations an image (Table 3) or its side in pixels (Table 4), B images a batch. Assumption: display is measured against
# the images that it shows, which are K in Table 3 and N in Table 4.
CLAIMS = {
    "VGG-16": {
        "loading": (("O(N)", 1), ("O(N)", 1)),
        "preprocessing": (("O(N)", 1), ("O(N)", 1)),
        "display": (("O(K)", 1), ("O(K)", 1)),
        "model building": (("O(1)", 0), ("O(P)", 0)),
        "training": (("O(E·N·M)", 1), ("O(N+P)", 1)),
        "evaluation": (("O(N)", 1), ("O(N+P)", 1)),
    },
    "ResNet-50": {
        "loading": (("O(N·M²·3)", 1), ("O(N·M²·3)", 1)),
        "preprocessing": (("O(N·M²·3)", 1), ("O(N·M²·3)", 1)),
        "display": (("O(N)", 1), ("O(N)", 1)),
        "model building": (("O(M²·3·K)", 0), ("O(P)", 0)),
        "training": (("O(E·N·M²·3·K)", 1), ("O(B·M²·3·K)", 0)),
        "evaluation": (("O(N·M²·3·K)", 1), ("O(N)", 1)),
    },
}


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is measured: side of an image in pixels, numbers of images, repeats; `stand_in` replaces either network.

    `batch` is small, so that several numbers of images are whole batches and a batch's memory does not hide the images'.
    """

    side: int
    read: tuple[int, ...]
    shown: tuple[int, ...]
    trained: tuple[int, ...]
    repeats: int
    passes: int
    batch: int = 4
    stand_in: str = ""


_SMALL = (4, 8, 12, 16, 24, 32, 48, 64)
PLANS = {
    "full": Plan(224, (16, 32, 64, 128, 256, 512, 1024), _SMALL, _SMALL, repeats=3, passes=3),
    "smoke": Plan(32, (4, 8, 16, 32, 64), (4, 8, 12, 16), (4, 8, 16, 32), repeats=2, passes=2, stand_in="custom_cnn"),
}


def measure(profile: str) -> pd.DataFrame:
    """Return one row per program ("both" before the network), stage, number of images and repeat: seconds, megabytes.

    Every number of images has its own fresh process; of the images' stages every repeat has. Columns: program, stage,
    images, then as `stages` describes a sample.
    """
    plan, root, rows = PLANS[profile], manifest.source(profile).root, []

    def add(program: str, count: int, work: Callable, *arguments) -> None:
        say(f"complexity: {program}, {count} images")
        rows.extend({"program": program, "images": count} | sample for sample in fresh_process.alone(work, *arguments))

    files = itertools.cycle([root / path for path in manifest.load(profile).path])  # a small set serves more than once
    taken = list(itertools.islice(files, max(plan.read + plan.shown)))
    for stage in stages.OF_IMAGES:
        for repeat, count in itertools.product(range(plan.repeats), plan.shown if stage == "display" else plan.read):
            add(BOTH, count, stages.of_images, stage, taken[:count], plan.side, repeat)
    for program, count in itertools.product(CLAIMS, plan.trained):
        config = dataclasses.replace(PROGRAMS[program], size=plan.side, batch_size=plan.batch)
        config = dataclasses.replace(config, model=plan.stand_in or config.model)
        add(program, count, stages.of_network, config, count, plan.passes)
    return pd.DataFrame(rows)


def figures(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return the exponent in the number of images of every claim: figure ("VGG-16, training, memory"), value, ci_low, ci_high.

    The law is fitted to the medians over repeats. The clock and the system's pages set a floor: a cost of nothing has no
    logarithm.
    """
    rows, medians = [], repeats.groupby(["program", "stage", "images"])[list(QUANTITIES)].median().clip(_FLOOR).reset_index()
    for quantity, title in QUANTITIES.items():
        groups = medians.groupby(["program", "stage"])
        fitted = {key: growth.fit(part.images, part[quantity]) for key, part in groups}
        for program, stage in [(program, stage) for program, claims in CLAIMS.items() for stage in claims]:
            found = fitted.get((program, stage)) or fitted[BOTH, stage]
            rows.append((f"{program}, {stage}, {title}", found.exponent, found.ci_low, found.ci_high))
    return pd.DataFrame(rows, columns=COLUMNS)


def table(figures: pd.DataFrame, program: str) -> pd.DataFrame:
    """Return one row per stage and quantity of a program: claimed order, claimed and fitted exponent, interval, verdict.

    The verdict is a word of `verdicts`; where the interval is too wide to tell one order from the next, "(wide)" follows.
    """
    found, rows = figures.set_index("figure"), []
    for stage, claims in CLAIMS[program].items():
        for title, (order, exponent) in zip(QUANTITIES.values(), claims, strict=True):
            fit = found.loc[f"{program}, {stage}, {title}"]
            row = {"stage": stage, "cost": title, "claimed": order, "exponent claimed": exponent, "exponent fitted": fit.value}
            row |= {"95 % CI": f"{fit.ci_low:z.2f} to {fit.ci_high:z.2f}"}
            rows.append(row | {"verdict": _verdict(exponent, fit)})
    return pd.DataFrame(rows)


def _verdict(claimed: int, fit: pd.Series) -> str:
    holds = fit.ci_low <= claimed <= fit.ci_high
    word = verdicts.verdict(claimed, [fit.value], [holds])
    return f"{word} (wide)" if holds and verdicts.too_wide(claimed, fit.value, fit.ci_low, fit.ci_high) else word
