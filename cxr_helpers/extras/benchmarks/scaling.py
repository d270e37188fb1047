"""The thesis' Tables 3 and 4: time and memory of each stage against the number of images."""

import dataclasses
import itertools
from collections.abc import Callable

import pandas as pd

from cxr_helpers.base.progress import say
from cxr_helpers.data import dataset, manifest
from cxr_helpers.extras.benchmarks import fresh_process, stages
from cxr_helpers.extras.networks.programs import PROGRAMS
from cxr_helpers.extras.statistics import growth

BOTH = "both"  # the stages before the network are the same in both programs
_FLOOR = 1e-3  # seconds or MB
QUANTITIES = {"seconds": "time", "megabytes": "memory"}
# What is claimed of their stages stands in reports/reported.toml. Assumption: display is measured against the images that it
# shows, which are K in Table 3 and N in Table 4.
NETWORKS = ("VGG-16", "ResNet-50")


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
    plan, root, rows = PLANS[profile], dataset.discover(profile).root, []

    def add(program: str, count: int, work: Callable, *arguments) -> None:
        say(f"complexity: {program}, {count} images")
        rows.extend({"program": program, "images": count} | sample for sample in fresh_process.alone(work, *arguments))

    files = itertools.cycle([root / path for path in manifest.load(profile).path])  # a small set serves more than once
    taken = list(itertools.islice(files, max(plan.read + plan.shown)))
    for stage in stages.OF_IMAGES:
        for repeat, count in itertools.product(range(plan.repeats), plan.shown if stage == "display" else plan.read):
            add(BOTH, count, stages.of_images, stage, taken[:count], plan.side, repeat)
    for program, count in itertools.product(NETWORKS, plan.trained):
        config = dataclasses.replace(PROGRAMS[program], size=plan.side, batch_size=plan.batch)
        config = dataclasses.replace(config, model=plan.stand_in or config.model)
        add(program, count, stages.of_network, config, count, plan.passes)
    return pd.DataFrame(rows)


def figures(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return the exponent in the number of images of every stage: figure ("VGG-16, training, memory"), value, ci_low, ci_high.

    The law is fitted to the medians over repeats. The clock and the system's pages set a floor: a cost of nothing has no
    logarithm.
    """
    rows, medians = [], repeats.groupby(["program", "stage", "images"])[list(QUANTITIES)].median().clip(_FLOOR).reset_index()
    for (program, stage), part in medians.groupby(["program", "stage"]):
        for quantity, title in QUANTITIES.items():
            found = growth.fit(part.images, part[quantity])
            for network in NETWORKS if program == BOTH else [program]:
                rows.append({"figure": f"{network}, {stage}, {title}"} | dict(found))
    return pd.DataFrame(rows)
