"""Campaign statistics on public data and planted truths, beside the published numbers (`make bench-campaigns`).

    PYTHONPATH=. .venv/bin/python benchmarks/campaigns.py

Public data: an A/B test of a landing page (udacity-ab-test) and an e-mail campaign with a control (hillstrom), from `../shared/data` or
`$MAPPING_SPARK_DATA`; a set that is not there is left out and said so. Planted truths need no data: 1,000 experiments with a known
effect for the coverage of intervals, 10,000 without one for ten peeks, 2,000 with a biased assignment for the sample-ratio check, and
a chain and a game solved by hand. `benchmarks/results/campaigns.json` holds every number and whether it reaches what is asked.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from protocols import FOLDER_VARIABLE, data_folder

from mapping_spark.campaign.effects import mean_effect, pooled_z, proportion_effect, sample_ratio_p_value
from mapping_spark.campaign.experiments import Experiment, Metric, read_experiment
from mapping_spark.campaign.markov_attribution import removal_effects, transitions
from mapping_spark.campaign.moments import Moments, cuped, estimate
from mapping_spark.campaign.sequential import always_valid, group_sequential_bounds, mixing_variance
from mapping_spark.campaign.shapley import conversion_shares

RESULTS = Path(__file__).resolve().parent / "results" / "campaigns.json"
SEED = 7
N_RUNS, N_PEEKED, N_BIASED = 1_000, 10_000, 2_000
ALPHA = 0.05


def landing_page(folder: Path) -> dict[str, Any]:
    """The landing page test: rows that show another page than the group's are excluded, then a user's first row counts."""
    rows = pd.read_parquet(folder / "udacity-ab-test" / "ab_data.parquet")
    is_mismatch = (rows["group"] == "treatment") != (rows["landing_page"] == "new_page")
    kept = rows[~is_mismatch].sort_values("timestamp")
    is_repeated = kept["user_id"].duplicated()
    users = kept[~is_repeated]
    counts = users.groupby("group")["converted"].agg(["sum", "count"])
    groups = {name: Moments.from_counts(int(row["sum"]), int(row["count"])) for name, row in counts.iterrows()}
    plan = Experiment(metrics=(Metric(name="conversion", kind="proportion", role="primary"),), shares={"control": 0.5, "treatment": 0.5})
    (result,) = read_experiment(plan, {"conversion": {"all": groups}})
    z = -pooled_z(groups["treatment"], groups["control"])
    return {
        "n_rows": len(rows),
        "excluded": {"shown another page than the group's": int(is_mismatch.sum()), "a later row of the same user": int(is_repeated.sum())},
        "n_users": len(users),
        "z": z,
        "result": result,
        "reached": {
            "3,893 mismatched rows": int(is_mismatch.sum()) == 3_893,
            "290,584 users": len(users) == 290_584,
            ".120386 against .118808": (round(result["control_value"], 6), round(result["value"], 6)) == (0.120386, 0.118808),
            "z 1.3109": round(z, 4) == 1.3109,
            "p .1899": round(result["p_value"], 4) == 0.1899,
            "no difference shown": result["verdict"] == "no_difference_shown",
        },
    }


def e_mail(folder: Path) -> dict[str, Any]:
    """The e-mail campaign: visits by variant, and spend adjusted by the spend of the year before."""
    rows = pd.read_parquet(folder / "hillstrom" / "hillstrom.parquet")
    variant = rows["segment"].map({"Mens E-Mail": "mens", "Womens E-Mail": "womens", "No E-Mail": "control"})
    by_variant = rows.groupby(variant)
    groups = {
        "visit": {"all": {name: Moments.of(part["visit"].to_numpy(float)) for name, part in by_variant}},
        "conversion": {"all": {name: Moments.of(part["conversion"].to_numpy(float)) for name, part in by_variant}},
        "spend": {"all": {name: Moments.of(part["spend"].to_numpy(), covariate=part["history"].to_numpy()) for name, part in by_variant}},
    }
    metrics = (
        Metric(name="visit", kind="proportion", role="primary"),
        Metric(name="conversion", kind="proportion"),
        Metric(name="spend", kind="mean"),
    )
    results = read_experiment(Experiment(metrics=metrics, shares=dict.fromkeys(groups["visit"]["all"], 1 / 3)), groups)
    plain = {name: mean_effect(estimate(of), estimate(groups["spend"]["all"]["control"])) for name, of in groups["spend"]["all"].items()}
    visits = {row["variant"]: row for row in results if row["metric"] == "visit"}
    spend = {row["variant"]: row for row in results if row["metric"] == "spend"}
    return {
        "results": results,
        "spend_without_covariate": {
            name: {"difference": one.difference, "ci_low": one.ci_low, "ci_high": one.ci_high}
            for name, one in plain.items()
            if name != "control"
        },
        "variance_reduction_of_spend_by_history": spend["mens"]["variance_reduction"],
        "reached": {
            "visit rates": [
                round(rate, 5) for rate in (visits["mens"]["value"], visits["womens"]["value"], visits["mens"]["control_value"])
            ]
            == [0.18276, 0.15140, 0.10617],
            "lift +.07659": round(visits["mens"]["difference"], 5) == 0.07659,
            "lift +.04523": round(visits["womens"]["difference"], 5) == 0.04523,
            "spend +.76983 and +.42441": [round(plain[name].difference, 5) for name in ("mens", "womens")] == [0.76983, 0.42441],
        },
    }


def coverage() -> dict[str, Any]:
    """Share of 1,000 planted experiments whose 95 % interval holds the planted effect, by kind of metric."""
    rng = np.random.default_rng(SEED)
    n_users = 400
    held = dict.fromkeys(("proportion", "mean", "mean_with_covariate", "ratio"), 0)
    for _ in range(N_RUNS):
        before = rng.gamma(2, 5, (2, n_users))
        spent = before + rng.gamma(1, 4, (2, n_users)) + [[1.0], [0.0]]
        adjusted = [Moments.of(y, covariate=c) for y, c in zip(spent, before, strict=True)]
        adjustment = cuped(adjusted)
        converted = [Moments.from_counts(int(n), n_users) for n in rng.binomial(n_users, [0.12, 0.10])]
        shown = rng.poisson(5, (2, n_users))
        clicked = rng.binomial(shown, [[0.22], [0.20]])
        ratios = [Moments.of(y.astype(float), d.astype(float)) for y, d in zip(clicked, shown, strict=True)]
        effects = {
            "proportion": (proportion_effect(*converted), 0.02),
            "mean": (mean_effect(*map(estimate, adjusted)), 1.0),
            "mean_with_covariate": (mean_effect(*map(adjustment.estimate, adjusted)), 1.0),
            "ratio": (mean_effect(*map(estimate, ratios)), 0.02),
        }
        for kind, (effect, truth) in effects.items():
            held[kind] += effect.ci_low <= truth <= effect.ci_high
    shares = {kind: n / N_RUNS for kind, n in held.items()}
    return {"n_runs": N_RUNS, "shares": shares, "reached": {f"{kind} 93 to 97 %": 0.93 <= share <= 0.97 for kind, share in shares.items()}}


def peeking() -> dict[str, Any]:
    """False positives of 10,000 experiments without an effect, looked at ten times, 1,000 users per group between two looks."""
    rng = np.random.default_rng(SEED)
    n_users = 1_000 * np.arange(1, 11)
    share = rng.binomial(1_000, 0.1, (2, N_PEEKED, 10)).cumsum(axis=2) / n_users
    differences = share[0] - share[1]
    errors = np.sqrt((share * (1 - share)).sum(axis=0) / n_users)
    z = differences / errors
    mixing = mixing_variance(math.sqrt(2 * 0.1 * 0.9 / n_users[-1]))
    looks = zip(differences, errors, strict=True)
    peeked = [any(always_valid(d, e, mixing).p_value < ALPHA for d, e in zip(*one, strict=True)) for one in looks]
    rates = {
        "fixed horizon, wrongly": float((np.abs(z) > 1.959964).any(axis=1).mean()),
        "always-valid": float(np.mean(peeked)),
        "group-sequential": float((np.abs(z) > group_sequential_bounds(list(n_users / n_users[-1]))).any(axis=1).mean()),
    }
    reached = {f"{name} at most 5.5 %": rates[name] <= 0.055 for name in ("always-valid", "group-sequential")}
    return {"n_runs": N_PEEKED, "looks": 10, "false_positive_rates": rates, "reached": reached}


def sample_ratio() -> dict[str, Any]:
    """Power of the check (p < .001) at 100,000 users of whom 51 % come to a variant planned for half; and its false alarms."""
    rng = np.random.default_rng(SEED)
    plan = {"control": 0.5, "new": 0.5}
    rates = {}
    for name, probability in (("power", 0.51), ("false_alarms", 0.50)):
        drawn = rng.binomial(100_000, probability, N_BIASED)
        rates[name] = float(np.mean([sample_ratio_p_value({"control": int(100_000 - n), "new": int(n)}, plan) < 0.001 for n in drawn]))
    return {"n_runs": N_BIASED, **rates, "reached": {"power over .9": rates["power"] > 0.9}}


def by_hand() -> dict[str, Any]:
    """Markov: two of three journeys start with a, one with b; half of a's go on to b, half of those at b convert. Shapley: 3, 4, 6."""
    effects = removal_effects(transitions([(["a", "b"], 1, 0), (["a"], 0, 1), (["b"], 0, 1)]))
    shares = conversion_shares({frozenset("a"): 3.0, frozenset("ab"): 4.0, frozenset("abc"): 6.0})
    reached = {
        "markov": all(math.isclose(effects[name], by_hand) for name, by_hand in {"a": 1 / 2, "b": 1.0}.items()),
        "shapley": all(math.isclose(shares[name], by_hand) for name, by_hand in {"a": 7.0, "b": 4.0, "c": 2.0}.items()),
    }
    return {"removal_effects": effects, "shapley": shares, "reached": reached}


def main() -> None:
    """Every part; prints what was reached and keeps the numbers."""
    folder = data_folder()
    of_data: dict[str, Callable[[Path], dict[str, Any]]] = {"udacity-ab-test": landing_page, "hillstrom": e_mail}
    kept: dict[str, Any] = {"seed": SEED}
    for name, part in of_data.items():
        if (folder / name).is_dir():
            kept[name] = part(folder)
        else:
            kept[name] = {"skipped": f"no folder {name} among the data sets; name one in {FOLDER_VARIABLE}"}
    for name, planted in {"coverage": coverage, "peeking": peeking, "sample_ratio": sample_ratio, "by_hand": by_hand}.items():
        began = time.monotonic()
        kept[name] = planted()
        kept[name]["seconds"] = round(time.monotonic() - began, 1)
    for name, found in kept.items():
        if isinstance(found, dict):
            lines = found.get("reached") or {found.get("skipped", ""): None}
            print(
                *(
                    f"{name}: {line}: {'reached' if held else 'left out' if held is None else 'NOT reached'}"
                    for line, held in lines.items()
                ),
                sep="\n",
            )
    RESULTS.write_text(json.dumps(kept, indent=2) + "\n")


if __name__ == "__main__":
    main()
