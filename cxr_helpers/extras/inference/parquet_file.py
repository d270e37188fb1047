"""A CSV file as Parquet, block by block; only this module needs pyarrow."""

from collections.abc import Collection
from pathlib import Path

import pyarrow
from pyarrow import csv, parquet

from cxr_helpers.base.files import atomic_path


def convert(source: Path, target: Path, columns: Collection[str], numbers: Collection[str]) -> None:
    """Write the CSV file `source` with these columns to `target`; `numbers` become float64, empty cells null, the rest text."""
    types = {name: pyarrow.float64() if name in numbers else pyarrow.string() for name in columns}
    convert = csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=False)
    with atomic_path(target) as temporary, csv.open_csv(source, convert_options=convert) as blocks:
        with parquet.ParquetWriter(temporary, blocks.schema) as writer:
            for block in blocks:
                writer.write_batch(block)
