"""One made-up day: six users, four items, one campaign; small enough to redo every number by hand."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

DAY = "2024-03-10"
"""The as-of date: what happens from here on is the future that models are judged by."""

PURCHASES = [  # user, item, day, value
    ("u1", "milk", "2024-03-01", 2.0),
    ("u1", "milk", "2024-03-05", 2.0),
    ("u1", "bread", "2024-03-05", 3.0),
    ("u2", "milk", "2024-03-02", 2.0),
    ("u2", "tea", "2024-03-02", 4.0),
    ("u3", "bread", "2024-03-03", 3.0),
    ("u3", "tea", "2024-03-06", 4.0),
    ("u3", "jam", "2024-03-06", 5.0),
    ("u1", "tea", "2024-03-11", 4.0),  # after the date: relevant, new to u1
    ("u2", "milk", "2024-03-12", 2.0),  # relevant, not new to u2
    # three who buy everything: with them two ranks have eight row groups each, of one row
    *((user, item, "2024-03-07", 1.0) for user in ("u4", "u5", "u6") for item in ("milk", "bread", "tea", "jam")),
]

SOURCE = {
    "name": "shop",
    "kind": "events",
    "format": "json",
    "columns": {
        "id": "string",
        "user": "string",
        "item": "string",
        "type": "string",
        "at": "timestamp",
        "value": "decimal(18,4)",
        "campaign": "string",
    },
    "event": {
        "event_id": "id",
        "user_id": "user",
        "item_id": "item",
        "event_type": "type",
        "event_at": "at",
        "value": "value",
        "currency": "if(value is null, null, 'EUR')",
        "quantity": "if(value is null, null, 1)",
        "campaign_id": "campaign",
    },
}


def records() -> list[str]:
    """Lines as the shop's log would hold them: 25 good events, one of them twice, and two broken lines."""
    lines = [
        {"id": f"p{n}", "user": user, "item": item, "type": "purchase", "at": f"{day}T12:00:00Z", "value": value}
        for n, (user, item, day, value) in enumerate(PURCHASES)
    ]
    lines += [
        {"id": f"s{user}", "user": user, "type": "campaign_send", "at": "2024-03-04T08:00:00Z", "campaign": "c1"} for user in ("u1", "u3")
    ]
    lines.append({"id": "r1", "user": "u1", "type": "coupon_redeem", "at": "2024-03-05T12:00:00Z", "campaign": "c1"})
    text = [json.dumps(line) for line in lines]
    return [*text, text[0], '{"id": "cut', json.dumps(lines[0] | {"id": "x1", "user": " "})]


def write(folder: Path) -> Path:
    """Lay out data and settings under `folder`; returns the folder of settings."""
    data, conf = folder / "data", folder / "conf"
    (conf / "sources").mkdir(parents=True)
    (data / "shop").mkdir(parents=True)
    (data / "shop" / "log.jsonl").write_text("\n".join(records()) + "\n")
    tables = {
        "items": "item_id,title,category,brand,text,is_available\n"
        + "".join(f"{name},{name.upper()},food,own,{name} food,true\n" for name in ("milk", "bread", "tea", "jam")),
        "users": "user_id,segment,has_marketing_consent\nu1,north,true\nu2,north,true\n",
        "campaigns": "campaign_id,campaign_type,channel,start_at,end_at,unit_cost\nc1,A,mail,2024-03-04,2024-03-07,0.5\n",
        "campaign_items": "campaign_id,item_id\nc1,bread\nc1,jam\n",
    }
    for kind, text in tables.items():
        (data / f"{kind}.csv").write_text(text)
        names = text.split("\n")[0].split(",")
        source = {
            "name": f"shop_{kind}",
            "kind": kind,
            "format": "csv",
            "path": str(data / f"{kind}.csv"),
            "columns": {n: n for n in names},
        }
        (conf / "sources" / f"shop_{kind}.yml").write_text(yaml.safe_dump(source))
    (conf / "sources" / "shop.yml").write_text(yaml.safe_dump(SOURCE | {"path": str(data / "shop")}))
    (conf / "base.yml").write_text("seed: 7\n")
    settings = {
        "as_of": DAY,
        "sources": ["shop", *(f"shop_{kind}" for kind in tables)],
        "store": {"root": str(folder / "warehouse")},
        "cleaning": {"max_quarantined_share": 0.2},
        "models": {
            "popularity": {},
            "repeat": {},
            "item_knn": {"min_users": 1},
            "mf_bpr": {"dimension": 4},
            "hybrid": {"history_from": [0], "weights": {"repeat": [2.0], "item_knn": [1.0]}},
        },
        "recommend": {"k": 3, "min_users_shown": 1, "model": "hybrid"},
        "snapshot": {"pairs_per_group": 1, "windows_per_group": 1},
        "training": {"ranks": 2, "epochs": 2, "batch_size": 4, "tensorboard": True},
        "evaluation": {"ks": [1, 3], "n_replicates": 20},
        "gate": {"k": 1},
        "spark": {"spark.master": "local[2]", "spark.sql.shuffle.partitions": 2, "spark.databricks.delta.snapshotPartitions": 1},
    }
    (conf / "golden.yml").write_text(yaml.safe_dump(settings))
    return conf
