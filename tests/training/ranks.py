"""Real ranks as processes of this machine: Horovod with its own rendezvous, or torch.distributed with gloo.

They are forked from a server that has imported torch, so that a start takes milliseconds.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Literal

from horovod.runner.common.util.hosts import get_host_assignments, parse_hosts
from horovod.runner.gloo_run import create_slot_env_vars
from horovod.runner.http.http_server import RendezvousServer

from mapping_spark.training.collective import Collective, Horovod, One, TorchDistributed

Backend = Literal["horovod", "torch", "one"]
Work = Callable[[Collective], Any]
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.training.ranks", "tests.training.proofs"])


@dataclass
class Ranks:
    """Processes under way, and what each said at its end: a result or a fault; None from one that could not speak."""

    processes: list[ForkServerProcess]
    folder: Path
    began: float = field(default_factory=time.monotonic)

    def end(self, seconds: float = 60.0) -> list[Any]:
        """Wait for all ranks that can end; whoever is left after `seconds` is killed."""
        for process in self.processes:
            process.join(max(0.0, self.began + seconds - time.monotonic()))
            process.kill()
        paths = [self.folder / f"rank-{rank}.json" for rank in range(len(self.processes))]
        return [json.loads(path.read_text()) if path.exists() else None for path in paths]


def start(backend: Backend, size: int, folder: Path, work: Work, answer_seconds: int = 20) -> Ranks:
    """Start `size` ranks that do `work`, a function or a frozen dataclass of a module."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    environments = _torch(size) if backend == "torch" else _horovod(size)
    processes = [
        _FORKS.Process(target=_rank, args=(backend, place, str(folder / f"rank-{rank}.json"), work, answer_seconds), daemon=True)
        for rank, place in enumerate(environments)
    ]
    for process in processes:
        process.start()
    return Ranks(processes, folder)


def _rank(backend: Backend, place: dict[str, str], told: str, work: Work, answer_seconds: int) -> None:
    import torch

    os.environ.update(place)
    torch.set_num_threads(1)
    join = {"one": lambda _: One(), "horovod": Horovod, "torch": TorchDistributed}[backend]
    try:
        collective = join(answer_seconds)
        said: Any = work(collective)
    except Exception as fault:
        said = {"fault": type(fault).__name__, "text": str(fault)}
    part = Path(f"{told}.part")
    part.write_text(json.dumps(said))
    part.rename(told)
    os._exit(0)  # without the farewell of either library, which waits for ranks that may be gone


def _torch(size: int) -> list[dict[str, str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(size)}
    return [place | {"RANK": str(rank)} for rank in range(size)]


def _horovod(size: int) -> list[dict[str, str]]:
    server = RendezvousServer()
    place = {"HOROVOD_GLOO_RENDEZVOUS_PORT": str(server.start()), "HOROVOD_GLOO_RENDEZVOUS_ADDR": "127.0.0.1"}
    place |= {"HOROVOD_CONTROLLER": "gloo", "HOROVOD_CPU_OPERATIONS": "gloo", "HOROVOD_GLOO_IFACE": "lo", "HOROVOD_LOG_LEVEL": "fatal"}
    slots = get_host_assignments(parse_hosts(f"localhost:{size}"), size)
    server.init(slots)
    return [place | create_slot_env_vars(slot) for slot in slots]
