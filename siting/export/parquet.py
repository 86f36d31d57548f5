"""Tables too long for memory, written batch by batch as Parquet."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from siting.errors import OutputError
from siting.export.folder import check_file


def write_parquet(
    batches: Iterable[Mapping[str, pd.DataFrame]], out: Path, *, overwrite: bool
) -> dict[str, int]:
    """
    Write the batches of tables one after the other, a file a table; return their rows.

    One batch is in memory at a time. Indexes become columns, dtypes are those of the
    contract. The files appear when all of them are whole.

    Parameters
    ----------
    batches
        Tables by name (without suffix); the same names in every batch, in the order of rows.
    out
        Folder, made if needed.
    overwrite
        If files that are already there are replaced.

    Raises
    ------
    OutputError
        A file exists and `overwrite` is false, or cannot be written; there is no batch.
    """
    writers: dict[str, pq.ParquetWriter] = {}
    parts: dict[str, Path] = {}
    n_rows: dict[str, int] = {}
    try:
        out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as opened:
            for name, frame in (item for tables in batches for item in tables.items()):
                flat = pa.Table.from_pandas(frame.reset_index(), preserve_index=False)
                flat = flat.replace_schema_metadata(None)
                if name not in writers:
                    check_file(out / f"{name}.parquet", overwrite=overwrite)
                    parts[name] = out / f".{name}.{os.getpid()}.part"
                    writer = pq.ParquetWriter(parts[name], flat.schema, compression="zstd")
                    writers[name] = opened.enter_context(writer)
                writers[name].write_table(flat)
                n_rows[name] = n_rows.get(name, 0) + len(frame)
        if not writers:
            raise OutputError(f"{out} : il n'y a rien à écrire.")
        for name, part in parts.items():
            part.replace(out / f"{name}.parquet")
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"Impossible d'écrire dans {out} : {error.strerror}.") from error
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
    return n_rows
