"""What limits many images: the network, the decoder or the disk. For `python -m cxr_helpers.extras.benchmarks.large_sets`, no chapter's.

    python -m cxr_helpers.extras.benchmarks.large_sets predict FOLDER [FILES]     # `cxr predict --table` beside the bare network
    python -m cxr_helpers.extras.benchmarks.large_sets shards FOLDER... [--images N] [--size PIXELS]   # a simulated set, read in batches

The machine should do nothing else meanwhile, and OPENBLAS_THREAD_TIMEOUT be what `environment.DEFAULTS` has: numpy reads it
here before that is settled. `predict` repeats the folder's images until there are FILES of them.
"""

import argparse
import functools
import itertools
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd

from cxr_helpers.base import environment, processes
from cxr_helpers.extras.benchmarks import measurements

CHESTXRAY14 = 112_120  # images
BATCH = 32
ROUNDS, ROUND = 24, 8 * BATCH  # of comparing `cxr predict` with the bare network; images of one


def predict(folder: Path, number: int) -> dict[str, float]:
    """Return images a second of the network on ready images and of the command, their ratio, and the memory (MB) it came to hold.

    Network and command take turns over the same number of images, in short rounds, so that a slow spell of the machine meets
    both; figures are medians over rounds, with the quartiles of the ratio. The loading of the network is told apart: the
    rounds share what the first run loaded.
    """
    from cxr_helpers.extras.inference import bulk
    from cxr_helpers.extras.inference import predict as published

    files = list(itertools.islice(itertools.cycle(bulk.Files([folder])), number))
    parts = [files[start : start + ROUND] for start in range(0, min(number, ROUNDS * ROUND), ROUND)]
    loaded = functools.cache(published.load)
    rounds = []
    with tempfile.TemporaryDirectory() as scratch, mock.patch.object(published, "load", loaded):

        def command(part: list[Path], check: bool = True) -> float:
            table = Path(scratch) / "table.csv"
            taken = measurements.seconds(lambda: bulk.write(bulk.Files(part), table, check=check))
            table.unlink()
            return taken

        found = {"first_batch_s": command(files[: bulk.BATCH])}
        model, card, _ = loaded(None)
        images = np.random.default_rng(0).integers(0, 256, (bulk.BATCH, card.size, card.size), dtype=np.uint8)

        def bare(images_wanted: int) -> float:
            return measurements.seconds(lambda: [published.score(model, images) for _ in range(0, images_wanted, bulk.BATCH)])

        for part in parts:
            row = {"n": len(part), "network": bare(len(part))}
            rounds.append(row | {"command": command(part), "unchecked": command(part, check=False)})
        memory = []
        for part in (files[: number // 4], files):  # more images, the same memory
            processes.forget_peak()
            command(part)
            memory.append(processes.peak_memory())
    costs = pd.DataFrame(rounds)
    for name in ("network", "command", "unchecked"):
        found[name] = float((costs.n / costs[name]).median())
    for name in ("command", "unchecked"):
        share = costs.network / costs[name]
        found |= {f"share_of_{name}": float(share.median())}
        quartiles = {"lower": 0.25, "upper": 0.75}
        found |= {f"share_of_{name}_{which}_quartile": float(share.quantile(at)) for which, at in quartiles.items()}
    found |= {"rounds": len(costs), "images": number}
    return found | {"memory_quarter_mb": memory[0], "memory_all_mb": memory[1]}


def simulated(folders: list[Path], images: int, size: int) -> dict[str, float]:
    """Return images a second of writing and of reading a set of `images` drawn images, and the memory that reading took.

    Files of 4,096 images, spread over `folders`, are read in batches: in a shuffled order, as training reads them.
    """
    from cxr_helpers.extras.other_sets import shards
    from cxr_helpers.extras.other_sets.set_packing import BLOCK

    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (BLOCK, size, size), dtype=np.uint8)
    files, started = [], time.perf_counter()
    for number, start in enumerate(range(0, images, BLOCK)):
        files.append(folders[number % len(folders)] / f"images-{number:05d}.npy")
        files[-1].parent.mkdir(parents=True, exist_ok=True)
        np.save(files[-1], noise[: min(BLOCK, images - start)])
    written = images / (time.perf_counter() - started)
    del noise
    shards.save(files, folders[0] / "images.json")
    rate, rise = processes.alone(_read, folders[0] / "images.json")
    return {"images": images, "size": size, "files": len(files), "written": written, "read": rate, "memory_mb": rise}


def _read(index: Path) -> tuple[float, float]:
    """Return images a second of one epoch of training's batches, and the rise of the peak memory (MB)."""
    from cxr_helpers.data import batches
    from cxr_helpers.extras.other_sets import shards

    packed, meter = shards.load(index), processes.Meter()
    rows = np.arange(len(packed))
    epoch = batches.Batches(packed, rows, rows[:, None], BATCH, seed=0)
    _, seconds, rise = meter(lambda: [epoch[step] and None for step in range(len(epoch))])
    return len(packed) / seconds, rise


def main() -> None:
    """Print what was measured, one figure a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("predict")
    one.add_argument("folder", type=Path)
    one.add_argument("images", type=int, nargs="?", default=10_000)
    other = commands.add_parser("shards")
    other.add_argument("folders", type=Path, nargs="+")
    other.add_argument("--images", type=int, default=CHESTXRAY14)
    other.add_argument("--size", type=int, default=224)
    given = parser.parse_args()
    environment.settle()
    found = (
        predict(given.folder, given.images) if given.command == "predict" else simulated(given.folders, given.images, given.size)
    )
    for name, value in found.items():
        print(f"{name}: {value:,.3g}" if isinstance(value, float) else f"{name}: {value:,}")


if __name__ == "__main__":
    main()
