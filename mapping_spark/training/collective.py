"""What ranks say to each other, over one process, Horovod or torch.distributed: the same few calls, in the same order on all ranks.

A rank that died or hangs makes the next call of every other rank raise `RankLost` within `answer_seconds`.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor

from mapping_spark.errors import TrainingFault

torch.sparse.check_sparse_tensor_invariants.disable()  # type: ignore[no-untyped-call]  # as is the default; said aloud, torch does not warn of it

_SECONDS_BETWEEN_LOOKS = 0.0001
_BUCKET_BYTES = 32 * 1024 * 1024
"""Small tensors travel together up to this size; a larger one travels alone, without a copy."""


class RankLost(TrainingFault):
    """Another rank died or hangs. A consequence: the cause is what that rank says, where it still could."""


class Collective(ABC):
    """`rank` of `size` ranks; `local_rank` of `local_size` counts those of one host."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1

    def sum_(self, tensors: Sequence[Tensor]) -> None:
        """Replace each dense tensor by its sum over ranks. All ranks give the same shapes and types in the same order."""
        buckets = _buckets(tensors)
        flat = [bucket[0].contiguous() if len(bucket) == 1 else torch.cat([tensor.reshape(-1) for tensor in bucket]) for bucket in buckets]
        with self._answers("a sum"):
            self._sum_all(flat)
        for bucket, summed in zip(buckets, flat, strict=True):
            parts = torch.split(summed, [tensor.numel() for tensor in bucket]) if len(bucket) > 1 else [summed]
            for tensor, part in zip(bucket, parts, strict=True):
                if tensor.data_ptr() != part.data_ptr():
                    tensor.copy_(part.view_as(tensor))

    def sum_sparse(self, gradients: Sequence[Tensor]) -> list[Tensor]:
        """Sums over ranks of sparse (rows, D) tensors, coalesced; ranks may have different rows, or none."""
        own = [gradient.coalesce() for gradient in gradients]
        pieces = [piece for gradient in own for piece in (gradient.indices()[0], gradient.values())]
        with self._answers("a sum of sparse gradients"):
            gathered = self._gather_all(pieces)
        together = zip(gathered[::2], gathered[1::2], own, strict=True)
        return [
            torch.sparse_coo_tensor(rows[None], values, gradient.shape, check_invariants=False).coalesce()
            for rows, values, gradient in together
        ]

    def broadcast_(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by that of rank 0."""
        with self._answers("a broadcast"):
            self._broadcast_all(tensors)

    def gather(self, value: Any) -> list[Any]:
        """Every rank's value (anything JSON can hold), by rank, on all ranks."""
        text = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
        with self._answers("an exchange of facts"):
            sizes, texts = self._gather_all([torch.tensor([len(text)]), text])
        return [json.loads(part.numpy().tobytes()) for part in torch.split(texts, sizes.tolist())]

    def barrier(self) -> None:
        """Wait for all ranks."""
        self.gather(None)

    @abstractmethod
    def close(self) -> None:
        """Leave; the others' next call fails where they still expect this rank."""

    @contextmanager
    def _answers(self, what: str) -> Iterator[None]:
        try:
            yield
        except RuntimeError as fault:  # both libraries raise kinds of it, for a lost peer as for a late one
            cause = " ".join(str(fault).split())[:300]
            raise RankLost(
                f"rank {self.rank} of {self.size}",
                f"no answer from another rank in {what}: {cause}",
                "every rank to answer in time",
                "Another rank died or hangs: the first fault among the ranks' logs is the cause. Run again to resume.",
            ) from fault

    @abstractmethod
    def _sum_all(self, tensors: Sequence[Tensor]) -> None: ...

    @abstractmethod
    def _gather_all(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Each tensor with the rows of all ranks, by rank."""

    @abstractmethod
    def _broadcast_all(self, tensors: Sequence[Tensor]) -> None: ...


class One(Collective):
    """One process: nobody else to talk to."""

    def sum_(self, tensors: Sequence[Tensor]) -> None:
        """Nothing to add."""

    def sum_sparse(self, gradients: Sequence[Tensor]) -> list[Tensor]:
        """The same, coalesced."""
        return [gradient.coalesce() for gradient in gradients]

    def close(self) -> None:
        """Nobody to leave."""

    def _sum_all(self, tensors: Sequence[Tensor]) -> None: ...

    def _gather_all(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        return list(tensors)

    def _broadcast_all(self, tensors: Sequence[Tensor]) -> None: ...


class Horovod(Collective):
    """Horovod's ranks, as `horovod.spark.run` or `horovodrun` started them."""

    def __init__(self, answer_seconds: int) -> None:
        os.environ["HOROVOD_GLOO_TIMEOUT_SECONDS"] = str(answer_seconds)  # for a rank whose process stands still
        if not torch.cuda.is_available():
            # Every so many ms its threads look whether there is something to send. At 1 ms, Horovod's default, that took 9 to 16 %
            # of the core that a rank computes on, and 5 to 6 % at 5 ms; a step on CPUs is much longer.
            os.environ.setdefault("HOROVOD_CYCLE_TIME", "5")
        import horovod.torch as hvd

        hvd.init()
        self._hvd, self.rank, self.size = hvd, hvd.rank(), hvd.size()
        self.local_rank, self.local_size = hvd.local_rank(), hvd.local_size()
        self._answer_seconds = answer_seconds

    def _sum_all(self, tensors: Sequence[Tensor]) -> None:
        # Equal names from step to step let Horovod's cache skip the negotiation.
        self._wait([self._hvd.allreduce_async_(tensor, op=self._hvd.Sum, name=f"sum.{i}") for i, tensor in enumerate(tensors)])

    def _gather_all(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        return self._wait([self._hvd.allgather_async(tensor, name=f"gather.{i}") for i, tensor in enumerate(tensors)])

    def _broadcast_all(self, tensors: Sequence[Tensor]) -> None:
        self._wait([self._hvd.broadcast_async_(tensor, root_rank=0, name=f"broadcast.{i}") for i, tensor in enumerate(tensors)])

    def _wait(self, calls: Sequence[Any]) -> list[Tensor]:
        """The results of calls under way. Horovod's own wait has no end where a rank lives and never calls."""
        end = time.monotonic() + self._answer_seconds
        for call in calls:
            while not self._hvd.poll(call):
                if time.monotonic() > end:
                    raise RuntimeError(f"nothing within {self._answer_seconds} s")
                time.sleep(_SECONDS_BETWEEN_LOOKS)
        return [self._hvd.synchronize(call) for call in calls]

    def close(self) -> None:
        """Shut Horovod down."""
        self._hvd.shutdown()


class TorchDistributed(Collective):
    """torch.distributed's ranks, as Spark's TorchDistributor or torchrun started them (gloo on CPUs, NCCL on GPUs)."""

    def __init__(self, answer_seconds: int) -> None:
        import torch.distributed as dist

        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backend, timeout=dt.timedelta(seconds=answer_seconds))
        self._dist, self.rank, self.size = dist, dist.get_rank(), dist.get_world_size()
        hosts = self.gather(os.uname().nodename)
        self.local_rank, self.local_size = hosts[: self.rank].count(hosts[self.rank]), hosts.count(hosts[self.rank])

    def _sum_all(self, tensors: Sequence[Tensor]) -> None:
        calls = [self._dist.all_reduce(tensor, async_op=True) for tensor in tensors]
        for call in calls:
            cast(Any, call).wait()

    def _gather_all(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        # gloo wants equal shapes: all ranks' row counts first, then rows padded to the largest count.
        sizes = torch.zeros(self.size, len(tensors), dtype=torch.int64)
        sizes[self.rank] = torch.tensor([len(tensor) for tensor in tensors])
        self._dist.all_reduce(sizes)
        return [self._gather_rows(tensor, sizes[:, i].tolist()) for i, tensor in enumerate(tensors)]

    def _gather_rows(self, tensor: Tensor, sizes: Sequence[int]) -> Tensor:
        padded = tensor.new_zeros((max(sizes), *tensor.shape[1:]))
        padded[: len(tensor)] = tensor
        parts = [torch.empty_like(padded) for _ in sizes]
        self._dist.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    def _broadcast_all(self, tensors: Sequence[Tensor]) -> None:
        for tensor in tensors:
            self._dist.broadcast(tensor, src=0)

    def close(self) -> None:
        """Destroy the process group."""
        self._dist.destroy_process_group()


def _buckets(tensors: Sequence[Tensor]) -> list[list[Tensor]]:
    """Tensors of one type and device together, up to the size of a bucket."""
    buckets: list[list[Tensor]] = []
    filled: dict[tuple[torch.dtype, torch.device], tuple[list[Tensor], int]] = {}
    for tensor in tensors:
        kind, size = (tensor.dtype, tensor.device), tensor.numel() * tensor.element_size()
        bucket, used = filled.get(kind, ([], _BUCKET_BYTES))
        if used + size > _BUCKET_BYTES:
            bucket, used = [], 0
            buckets.append(bucket)
        bucket.append(tensor)
        filled[kind] = (bucket, used + size)
    return buckets
