"""What `make bench-deep` trains, and the figures it is held to. Settings were chosen on the item before the last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocols import Dataset, beauty, ml_1m_ncf, ml_1m_sequences

from mapping_spark.models.lstm import Lstm, LstmConfig
from mapping_spark.models.mf_bpr import MfBpr, MfBprConfig
from mapping_spark.models.ncf import Ncf, NcfConfig
from mapping_spark.models.next_item import NextItemConfig
from mapping_spark.models.sasrec import SasRec, SasRecConfig
from mapping_spark.training.negatives import Negatives
from mapping_spark.training.settings import TrainingConfig

SHARED = dict(loss="sampled_softmax", negatives=Negatives("uniform", 512, "batch"))
NCF = "given 99 negatives"
SAMPLED = "100 uniform negatives"
SASREC_SAMPLED = "SASRec .8245/.5905 (Kang, McAuley 2018)"


@dataclass(frozen=True, slots=True)
class Run:
    """One training."""

    load: Callable[[Path], Dataset]
    model: type[Any]
    settings: NextItemConfig | MfBprConfig | NcfConfig
    training: TrainingConfig
    budget_seconds: int
    published: dict[str, str]
    """What others report, by protocol."""
    reach: dict[str, tuple[float, float]]
    """HR@10 and NDCG@10 to reach, by protocol."""
    length: int = 0
    stride: int = 0
    measure_every: int = 1
    """Epochs between two looks at the item before the last."""


def training(**settings: Any) -> TrainingConfig:
    """One process, Adam with a cosine, the best epoch kept."""
    return TrainingConfig(**(dict(ranks=1, schedule="cosine", optimizer="adamw", patience=1_000, checkpoint_steps=None) | settings))


RUNS: dict[str, Run] = {
    "ml-1m-ncf/mf_bpr": Run(
        load=ml_1m_ncf,
        model=MfBpr,
        settings=MfBprConfig(dimension=64),
        training=training(epochs=20, batch_size=4096, learning_rate=3e-3),
        budget_seconds=300,
        published={NCF: "MF .7294/.4523 (Rendle et al. 2020), NeuMF .7120/.4369 (RecSys2019 evaluation)"},
        reach={NCF: (0.68, 0.40)},
        measure_every=2,
    ),
    "ml-1m-ncf/ncf": Run(
        load=ml_1m_ncf,
        model=Ncf,
        settings=NcfConfig(factors=256, embedding=32, layers=(64, 32), dropout=0.2),
        training=training(epochs=14, batch_size=4096, learning_rate=3e-3, weight_decay=0.3),
        budget_seconds=600,
        published={NCF: "NeuMF pre-trained, 8 to 64 factors: .684/.403 to .730/.447 (He et al. 2017)"},
        reach={NCF: (0.70, 0.425)},
        measure_every=2,
    ),
    "beauty/sasrec": Run(
        load=beauty,
        model=SasRec,
        settings=SasRecConfig(dimension=64, heads=2, dropout=0.5, **SHARED),
        training=training(epochs=32, batch_size=256, learning_rate=2e-3),
        budget_seconds=400,
        published={"full rank": "SASRec .0605/.0318 (S3-Rec), with sampled softmax .0921/.0531 (eSASRec)"},
        reach={"full rank": (0.080, 0.046)},
        length=20,
        stride=20,
        measure_every=8,
    ),
    "beauty/lstm": Run(
        load=beauty,
        model=Lstm,
        settings=LstmConfig(dimension=64, hidden=128, dropout=0.5, **SHARED),
        training=training(epochs=32, batch_size=256, learning_rate=2e-3),
        budget_seconds=400,
        published={"full rank": "GRU4Rec .0283/.0137 (S3-Rec)"},
        reach={"full rank": (0.042, 0.022)},
        length=20,
        stride=20,
        measure_every=8,
    ),
    "ml-1m/sasrec": Run(
        load=ml_1m_sequences,
        model=SasRec,
        settings=SasRecConfig(dimension=64, heads=2, dropout=0.2, **SHARED),
        training=training(epochs=24, batch_size=32, learning_rate=2e-3),
        budget_seconds=2_000,
        published={"full rank": "SASRec .2392/.1259, gSASRec .3003/.1726 (gSASRec-pytorch)", SAMPLED: SASREC_SAMPLED},
        reach={"full rank": (0.28, 0.160)},
        length=200,
        stride=200,
        measure_every=4,
    ),
    # Among 100 uniform negatives the middle of the ranking decides, which the softmax of all items says little about.
    "ml-1m/sasrec-bce": Run(
        load=ml_1m_sequences,
        model=SasRec,
        settings=SasRecConfig(dimension=64, heads=2, dropout=0.2, loss="bce", negatives=Negatives("uniform", 4, "position")),
        training=training(epochs=40, batch_size=32, learning_rate=1e-3),
        budget_seconds=2_000,
        published={"full rank": "SASRec .2392/.1259 (gSASRec-pytorch)", SAMPLED: SASREC_SAMPLED},
        reach={SAMPLED: (0.81, 0.58)},
        length=200,
        stride=200,
        measure_every=8,
    ),
    "ml-1m/lstm": Run(
        load=ml_1m_sequences,
        model=Lstm,
        settings=LstmConfig(dimension=64, hidden=128, dropout=0.2, **SHARED),
        training=training(epochs=16, batch_size=32, learning_rate=2e-3),
        budget_seconds=1_200,
        published={"full rank": "-", SAMPLED: "GRU4Rec .5581/.3381, GRU4Rec+ .7501/.5513 (Kang, McAuley 2018)"},
        reach={"full rank": (0.24, 0.135)},
        length=200,
        stride=200,
        measure_every=4,
    ),
}
