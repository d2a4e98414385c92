"""The epochs of a training as TensorBoard files, for people who would rather look than read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from tempfile import TemporaryDirectory

from pyarrow import fs

from mapping_spark.files import filesystem
from mapping_spark.training.progress import EpochReport, log


@dataclass(frozen=True)
class TensorBoard:
    """Says how an epoch went, and adds a file of it under `folder`: `tensorboard --logdir` shows that folder, or several under one."""

    folder: str

    def __call__(self, report: EpochReport) -> None:
        """A `Report`: rank 0 writes, the loss is watched."""
        log(report)
        if report.rank == 0:
            from tensorboardX import SummaryWriter  # takes a second, for those who ask for it

            numbers = {name: value for name, value in asdict(report).items() if name not in ("rank", "epoch")}
            files, path = filesystem(self.folder)
            files.create_dir(path)
            with TemporaryDirectory() as here:
                with SummaryWriter(here, filename_suffix=f".{report.epoch:05d}") as writer:
                    for name, value in numbers.items():
                        writer.add_scalar(f"training/{name}", value, report.epoch)
                fs.copy_files(here, path, destination_filesystem=files)
