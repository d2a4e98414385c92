"""Batches of a snapshot: each row once per epoch over all ranks, reshuffled every epoch, equal steps on every rank.

Files of a pool are read by Petastorm from an explicit list (never a folder: it would unpickle what it finds there), their
rows scattered to random places of one tensor per type, and that tensor cut into batches. One thread prepares the next
pool while a pool is used. Everything follows from (manifest, settings, epoch, step), so an epoch resumes at any step.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pyarrow import fs
from torch import Tensor

from mapping_spark.errors import ContractError
from mapping_spark.training.manifest import Manifest, open_folder
from mapping_spark.training.negatives import DrawKey, Sampler
from mapping_spark.training.order import Piece, between, epoch_line, steps_per_epoch
from mapping_spark.training.settings import TrainingConfig
from mapping_spark.training.trainable import Batch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from petastorm import make_batch_reader
    from pyarrow.filesystem import FileSystem

# Petastorm's own use of pyarrow's old names, in its threads, at every file.
warnings.filterwarnings("ignore", category=FutureWarning, module=r"petastorm\.")

Columns = dict[str, NDArray[Any]]
_DTYPES = {"int64": torch.int64, "int32": torch.int32, "float": torch.float32, "list<int64>": torch.int64}
Item = TypeVar("Item")


class _Files(FileSystem):  # type: ignore[misc]
    """A snapshot's folder, wherever it lies, as Petastorm asks for it: by pyarrow's old interface. Its files are those that were
    verified: none is looked for again."""

    def __init__(self, folder: fs.FileSystem) -> None:
        self._folder = folder

    def open(self, path: str, mode: str = "rb") -> Any:
        """The file, for reading."""
        return self._folder.open_input_file(path.removeprefix("/"))

    def isfile(self, path: str) -> bool:
        """It is: asked of paths of the manifest only."""
        return True

    def isdir(self, path: str) -> bool:
        """Never: Petastorm would unpickle what it finds in a folder."""
        return False


@dataclass(frozen=True, slots=True)
class Pool:
    """Shuffled rows of some steps, one tensor per type: (streams, rows of a stream, columns side by side)."""

    first_step: int
    n_steps: int
    tensors: dict[torch.dtype, Tensor]


class Feed:
    """The batches of one rank."""

    def __init__(self, manifest: Manifest, folder: str, config: TrainingConfig, rank: int = 0, sampler: Sampler | None = None) -> None:
        """`folder` is the snapshot's; `sampler` adds `negatives` to each batch. Raises `ConfigError` where no batch can be filled."""
        self.manifest, self.config, self.rank, self.sampler = manifest, config, rank, sampler
        self.steps_per_epoch = steps_per_epoch(manifest.rows, config.batch_size)
        self._folder, self._files = folder, _Files(open_folder(folder))
        self._rows_of_stream = config.batch_size // config.streams
        self._streams = [rank * (config.streams // config.ranks) + i for i in range(config.streams // config.ranks)]
        self._places = _places(manifest)

    @property
    def rows_per_step(self) -> int:
        """Rows of this rank's share of a batch."""
        return len(self._streams) * self._rows_of_stream

    @property
    def rows_left_out(self) -> int:
        """Rows that an epoch leaves out over all ranks because they fill no batch; others in each epoch."""
        return self.manifest.rows - self.steps_per_epoch * self.config.batch_size

    def epoch(self, epoch: int, from_step: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from a step on; the same ones in every run."""
        for pool in _ahead(self._pools(epoch, from_step)):
            for step in range(max(from_step, pool.first_step), pool.first_step + pool.n_steps):
                batch = self._batch(pool, step - pool.first_step)
                if self.sampler is not None:
                    batch["negatives"] = self.sampler.draw(batch, DrawKey(self.config.seed, epoch, step))
                yield batch

    def _batch(self, pool: Pool, step: int) -> Batch:
        rows = slice(step * self._rows_of_stream, (step + 1) * self._rows_of_stream)
        cut = {dtype: tensor[:, rows].flatten(0, 1) for dtype, tensor in pool.tensors.items()}
        return {name: cut[dtype][:, place] for name, (dtype, place) in self._places.items()}

    def _pools(self, epoch: int, from_step: int) -> Iterator[Pool]:
        """Pools of an epoch, from the one that holds `from_step` on."""
        config, b = self.config, self._rows_of_stream
        line = epoch_line([file.rows for file in self.manifest.files], config.batch_size, config.seed, epoch)
        steps = max(1, min(config.pool_rows // b, self.steps_per_epoch))
        for number in range(from_step // steps, -(-self.steps_per_epoch // steps)):
            first, last = number * steps, min((number + 1) * steps, self.steps_per_epoch)
            tensors = self._empty((last - first) * b)
            for place, stream in enumerate(self._streams):
                begin = stream * self.steps_per_epoch * b
                pieces = list(between(line, begin + first * b, begin + last * b))
                shuffled = np.random.default_rng([config.seed, epoch, stream, number]).permutation((last - first) * b)
                self._fill({dtype: tensor[place] for dtype, tensor in tensors.items()}, pieces, torch.from_numpy(shuffled))
            yield Pool(first, last - first, tensors)

    def _empty(self, n_rows: int) -> dict[torch.dtype, Tensor]:
        """Room for a pool, in memory that a GPU can read directly where there is one."""
        widths: dict[torch.dtype, int] = {}
        for dtype, place in self._places.values():
            widths[dtype] = max(widths.get(dtype, 0), place.stop if isinstance(place, slice) else place + 1)
        pinned = torch.cuda.is_available()
        return {d: torch.empty((len(self._streams), n_rows, width), dtype=d, pin_memory=pinned) for d, width in widths.items()}

    def _fill(self, tensors: dict[torch.dtype, Tensor], pieces: Sequence[Piece], shuffled: Tensor) -> None:
        """Put the rows of `pieces` to the places that `shuffled` gives them, file by file as they come."""
        begins = np.cumsum([0, *(piece.rows for piece in pieces)])
        of_file: dict[int, list[int]] = {}
        for number, piece in enumerate(pieces):
            of_file.setdefault(piece.file, []).append(number)
        for file, columns in self._read(list(of_file)):
            for number in of_file[file]:
                piece, begin = pieces[number], int(begins[number])
                target = shuffled[begin : begin + piece.rows]
                for dtype, tensor in tensors.items():
                    tensor.index_copy_(0, target, self._side_by_side(columns, dtype, piece))

    def _side_by_side(self, columns: Columns, dtype: torch.dtype, piece: Piece) -> Tensor:
        cut = [columns[name][piece.start : piece.stop] for name, (kind, _) in self._places.items() if kind == dtype]
        return torch.from_numpy(np.concatenate([column if column.ndim == 2 else column[:, None] for column in cut], axis=1))

    def _read(self, files: Sequence[int]) -> Iterator[tuple[int, Columns]]:
        """The columns of some files, in the order in which they come."""
        waiting = {self.manifest.files[file].first_row: file for file in files}
        while waiting:
            n_waiting = len(waiting)
            yield from self._pass(waiting)
            # Petastorm's thread pool asks whether its workers are idle, then whether all files were handed out: between the
            # two the last ones can be handed out, and it ends without them. They are read in another pass.
            if len(waiting) == n_waiting:
                lost = [self.manifest.files[file].path for file in waiting.values()]
                raise ContractError(
                    f"snapshot {self._folder}", f"no rows from {lost}", "every file that was asked for", "See the reader's log."
                )

    def _pass(self, waiting: dict[int, int]) -> Iterator[tuple[int, Columns]]:
        """One reader over the files in `waiting` (first row to file), which leave it as they come."""
        paths = [self.manifest.files[file].path for file in waiting.values()]
        with _reading(self._files, paths, list(self.manifest.columns), self.config.reader_threads) as reader:
            for group in reader:
                file = waiting.pop(int(group.row[0]), None)
                if file is None or len(group.row) != self.manifest.files[file].rows:
                    found = f"{len(group.row)} rows from row {group.row[0]}"
                    raise ContractError(
                        f"snapshot {self._folder}", found, "the files as verified", "Nobody may write there while it is read."
                    )
                yield file, group._asdict()


def _places(manifest: Manifest) -> dict[str, tuple[torch.dtype, int | slice]]:
    """Each column's type and its place among the columns of that type."""
    used: dict[torch.dtype, int] = {}
    places: dict[str, tuple[torch.dtype, int | slice]] = {}
    for name, kind in manifest.columns.items():
        dtype = _DTYPES[kind]
        start = used.get(dtype, 0)
        used[dtype] = start + (manifest.length if kind.startswith("list") else 1)
        places[name] = (dtype, slice(start, used[dtype]) if kind.startswith("list") else start)
    return places


@contextmanager
def _reading(files: _Files, paths: Sequence[str], columns: Sequence[str], threads: int) -> Iterator[Any]:
    urls = [f"file:///{path}" for path in paths]  # Petastorm asks for URLs and hands their paths to `files`
    reader = make_batch_reader(urls, schema_fields=columns, workers_count=threads, shuffle_row_groups=False, num_epochs=1, filesystem=files)
    try:
        yield reader
    finally:  # not the reader's own context manager, which prints
        reader.stop()
        reader.join()


def _ahead(source: Iterator[Item]) -> Iterator[Item]:
    """The same elements, each computed in a thread while the one before it is used."""
    with ThreadPoolExecutor(1, thread_name_prefix="feed") as thread:
        coming = thread.submit(next, source, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, source, None)
            yield item
