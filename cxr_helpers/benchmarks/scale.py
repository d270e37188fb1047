"""What limits many films: the network, the decoder or the disk. For `python -m cxr_helpers.benchmarks.scale`, no chapter's.

    python -m cxr_helpers.benchmarks.scale predict FOLDER [FILES]     # `cxr predict --table` beside the bare network
    python -m cxr_helpers.benchmarks.scale shards FOLDER... [--films N] [--size PIXELS]   # a simulated set, read in batches

The machine should do nothing else meanwhile. `predict` repeats the folder's films until there are FILES of them.
"""

import argparse
import itertools
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from cxr_helpers import environment, processes
from cxr_helpers.benchmarks import measurements

CHESTXRAY14 = 112_120  # films
BATCH = 32
ROUNDS = 5


def predict(folder: Path, number: int) -> dict[str, float]:
    """Return films a second of the network on ready films and of the command, their ratio, and the memory (MB) it came to hold.

    Network and command take turns, round by round, so that a slow spell of the machine meets both; figures are medians over
    rounds. What a run of one batch takes, the loading of the network above all, is told apart from the films that follow.
    """
    from cxr_helpers import bulk, default_model

    model, card = default_model.load()
    films = np.random.default_rng(0).integers(0, 256, (BATCH, card.size, card.size), dtype=np.uint8)
    files = list(itertools.islice(itertools.cycle(bulk.Files([folder])), number))
    few = files[: max(1, number // ROUNDS // BATCH) * BATCH + BATCH]
    bulk.score(model, films)  # traced
    rounds = []
    with tempfile.TemporaryDirectory() as scratch:

        def bare() -> None:
            for _ in range(len(few) // BATCH - 1):
                bulk.score(model, films)

        def command(part: list[Path], check: bool = True) -> float:
            table = Path(scratch) / "table.csv"
            taken = measurements.seconds(lambda: bulk.write(bulk.Files(part), table, check=check))
            table.unlink()
            return taken

        for _ in range(ROUNDS):
            row = {"network": measurements.seconds(bare), "first_batch_s": command(files[:BATCH])}
            row |= {"command": command(few) - row["first_batch_s"], "unchecked": command(few, False) - row["first_batch_s"]}
            rounds.append(row)
        memory = []
        for part in (files[: number // 4], files):  # more films, the same memory
            processes.forget_peak()
            command(part)
            memory.append(processes.peak_memory())
    costs, after = pd.DataFrame(rounds), len(few) - BATCH
    found = {name: float(after / costs[name].median()) for name in ("network", "command", "unchecked")}
    shares = {f"share_of_{name}": costs.network / costs[name] for name in ("command", "unchecked")}
    for name, share in shares.items():
        found |= {name: float(share.median()), f"{name}_least": float(share.min()), f"{name}_most": float(share.max())}
    found |= {"first_batch_s": float(costs.first_batch_s.median()), "rounds": ROUNDS, "films": number}
    return found | {"memory_quarter_mb": memory[0], "memory_all_mb": memory[1]}


def simulated(folders: list[Path], films: int, size: int) -> dict[str, float]:
    """Return images a second of writing and of reading a set of `films` drawn films, and the memory that reading took.

    Files of 4,096 films, spread over `folders`, are read in batches: in a shuffled order, as training reads them.
    """
    from cxr_helpers.data import shards
    from cxr_helpers.other_sets.set_packing import BLOCK

    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (BLOCK, size, size), dtype=np.uint8)
    files, started = [], time.perf_counter()
    for number, start in enumerate(range(0, films, BLOCK)):
        files.append(folders[number % len(folders)] / f"films-{number:05d}.npy")
        files[-1].parent.mkdir(parents=True, exist_ok=True)
        np.save(files[-1], noise[: min(BLOCK, films - start)])
    written = films / (time.perf_counter() - started)
    del noise
    shards.save(files, folders[0] / "films.json")
    rate, rise = processes.alone(_read, folders[0] / "films.json")
    return {"films": films, "size": size, "files": len(files), "written": written, "read": rate, "memory_mb": rise}


def _read(index: Path) -> tuple[float, float]:
    """Return images a second of one epoch of training's batches, and the rise of the peak memory (MB)."""
    from cxr_helpers.data import shards
    from cxr_helpers.systems import batches

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
    one.add_argument("films", type=int, nargs="?", default=10_000)
    other = commands.add_parser("shards")
    other.add_argument("folders", type=Path, nargs="+")
    other.add_argument("--films", type=int, default=CHESTXRAY14)
    other.add_argument("--size", type=int, default=224)
    given = parser.parse_args()
    environment.settle()
    found = (
        predict(given.folder, given.films) if given.command == "predict" else simulated(given.folders, given.films, given.size)
    )
    for name, value in found.items():
        print(f"{name}: {value:,.3g}" if isinstance(value, float) else f"{name}: {value:,}")


if __name__ == "__main__":
    main()
