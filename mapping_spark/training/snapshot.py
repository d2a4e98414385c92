"""The snapshot as all ranks see it: verified by each, compared between them, counted together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor

from mapping_spark.errors import ContractError, MappingSparkError
from mapping_spark.training import manifest as manifests
from mapping_spark.training.collective import Collective
from mapping_spark.training.manifest import Manifest

_ITEM_COLUMN = {"interactions": "item_idx", "sequences": "item_idxs"}


def agreed(folder: str, collective: Collective) -> Manifest:
    """The manifest that every rank has verified against its own files.

    Raises `ContractError` on every rank, naming the files and ranks, where one rank's folder differs from its manifest or
    from rank 0's. Nothing has been read of the data itself by then.
    """
    try:
        manifest = manifests.read(folder)
        manifests.verify(folder, manifest)
        own, fault = {"digest": manifest.digest}, None
    except MappingSparkError as caught:
        own, fault = {"fault": caught.found}, caught
    told = collective.gather(own)
    refused = [f"rank {rank}: {facts['fault']}" for rank, facts in enumerate(told) if "fault" in facts]
    if fault is not None and len(refused) == collective.size:
        raise fault
    if refused:
        raise ContractError(f"snapshot {folder}", "; ".join(refused), "the same whole snapshot on every rank", "Build the snapshot again.")
    others = [rank for rank, facts in enumerate(told) if facts["digest"] != told[0]["digest"]]
    if others:
        found = _differences(manifest, others, collective)
        raise ContractError(f"snapshot {folder}", found, "one snapshot on every rank", "Share one folder.")
    return manifest


def _differences(manifest: Manifest, ranks: Sequence[int], collective: Collective) -> str:
    """Files whose facts differ from rank 0's on these ranks; on all ranks the same text."""
    facts = collective.gather([file.model_dump_json() for file in manifest.files])
    paths = collective.gather([file.path for file in manifest.files])
    found = []
    for rank in ranks:
        differing = [path for path, fact in zip(paths[rank], facts[rank], strict=True) if fact not in facts[0]]
        differing += [path for path, fact in zip(paths[0], facts[0], strict=True) if fact not in facts[rank] and path not in differing]
        found.append(f"rank {rank} differs from rank 0 in {', '.join(differing[:5]) or 'the facts beside the files'}")
    return "; ".join(found)


def item_counts(folder: str, manifest: Manifest, collective: Collective) -> Tensor:
    """How often each item occurs in the rows, int64 (n_items,); each rank counts its share of the files."""
    column, filesystem = _ITEM_COLUMN[manifest.shape], manifests.open_folder(folder)
    counts = np.zeros(manifest.n_items, np.int64)
    for file in manifest.files[collective.rank :: collective.size]:
        values = pq.read_table(file.path, columns=[column], filesystem=filesystem)[column].combine_chunks()
        items = (values.flatten() if manifest.shape == "sequences" else values).to_numpy(zero_copy_only=False)
        counts += np.bincount(items[items >= 0], minlength=manifest.n_items)
    total = torch.from_numpy(counts)
    collective.sum_([total])
    return total
