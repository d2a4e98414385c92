"""Epochs as TensorBoard files, read back as TensorBoard reads them."""

from __future__ import annotations

import struct
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event

from mapping_spark.training.progress import EpochReport
from mapping_spark.training.tensorboard import TensorBoard


def events(path: Path) -> list[Event]:
    """Records of (length, its checksum, bytes, their checksum)."""
    data, found = path.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        found.append(Event.FromString(data[12 : 12 + length]))
        data = data[16 + length :]
    return found


def test_each_epoch_is_a_file_of_numbers_that_rank_0_writes(tmp_path: Path) -> None:
    for rank in range(2):
        for epoch, loss in enumerate((0.5, 0.25)):
            TensorBoard(str(tmp_path))(EpochReport(rank, epoch, loss, 0.1, 1.0, 2.0, 3.0, 0.0))
    points = [(event.step, value) for path in sorted(tmp_path.iterdir()) for event in events(path) for value in event.summary.value]
    assert [(step, value.simple_value) for step, value in points if value.tag == "training/loss"] == [(0, 0.5), (1, 0.25)]
    assert len(points) == 12
