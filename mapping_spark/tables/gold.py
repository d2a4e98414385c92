"""Gold: what people read. Flat; ratios are measures, never columns."""

from dataclasses import replace

from mapping_spark.tables.contract import Check, Column, Measure, Table
from mapping_spark.tables.limits import Limit

_RUN_ID = Column("run_id", "string", "The model run that made it (gold.model_runs).")
_MODEL = Column("model", "string", "Name of the model.", is_category=True)
_AS_OF = Column("as_of_date", "date", "Only events of earlier business days were used.", unit="business time zone")

RECOMMENDATIONS = Table(
    name="gold.recommendations",
    grain="one row per (as_of_date, user, rank)",
    columns=(
        _AS_OF,
        Column("user_id", "string", "User key."),
        Column("rank", "int", "Position in the user's list, from 1."),
        Column("item_id", "string", "Item key."),
        Column("score", "double", "Score of the stage that filled the slot; comparable within one stage and run only."),
        _MODEL,
        Column("stage", "string", "What filled the slot: `model`, `similar`, `segment_popular` or `popular`.", is_category=True),
        Column("reason_code", "string", "Kind of reason: a code a page can translate.", is_category=True),
        Column("reason", "string", "Why this item, in words, with the evidence."),
        Column("recommendation_id", "string", "Id to log with impressions and clicks: hash of date, user, rank, item and run."),
        _RUN_ID,
    ),
    primary_key=("as_of_date", "user_id", "rank"),
    partition_by=("as_of_date",),
    checks=(
        Check(name="rank_from_1", condition="rank >= 1"),
        Check(name="known_stage", condition="stage IN ('model', 'similar', 'segment_popular', 'popular')"),
    ),
    limits=(
        Limit(measure="n_rows", at_least=1, breach="stop"),
        Limit(measure="row_change", at_least=-0.5, breach="stop"),  # half the users without a list
        Limit(measure="psi", column="stage", at_most=0.25),
        Limit(measure="psi", column="reason_code", at_most=0.25),
    ),
)

SIMILAR_ITEMS = Table(
    name="gold.similar_items",
    grain="one row per (as_of_date, item, rank)",
    columns=(
        _AS_OF,
        Column("item_id", "string", "Item key."),
        Column("rank", "int", "Position in the item's list, from 1."),
        Column("similar_item_id", "string", "The item like it."),
        Column("score", "double", "Similarity; comparable within one run only."),
        _MODEL,
        _RUN_ID,
    ),
    primary_key=("as_of_date", "item_id", "rank"),
    partition_by=("as_of_date",),
    checks=(
        Check(name="rank_from_1", condition="rank >= 1"),
        Check(name="not_itself", condition="item_id <> similar_item_id"),
    ),
)

USER_VECTORS = Table(
    name="gold.user_vectors",
    grain="one row per (as_of_date, model, user)",
    columns=(
        _AS_OF,
        _MODEL,
        Column("user_id", "string", "User key."),
        Column("vector", "array<float>", "The user's profile, all of one length within a run; only those of one run can be compared."),
        _RUN_ID,
    ),
    primary_key=("as_of_date", "model", "user_id"),
    partition_by=("as_of_date",),
    checks=(Check(name="has_numbers", condition="size(vector) > 0"),),
)

MODEL_RUNS = Table(
    name="gold.model_runs",
    grain="one row per run of a model",
    columns=(
        _RUN_ID,
        _MODEL,
        _AS_OF,
        Column("config", "string", "The model's settings, JSON."),
        Column("seed", "bigint", "Seed of every random draw."),
        Column("input_versions", "string", "JSON object: table name to Delta version read."),
        Column("code_version", "string", "Version and source hash of this package."),
        Column("started_at", "timestamp", "Start of the fit.", unit="UTC"),
        Column("ended_at", "timestamp", "End of the fit.", unit="UTC"),
        Column("artifact_uri", "string", "Where the fitted model lies, relative to the warehouse root."),
        Column("n_parameters", "bigint", "Numbers stored in the fitted model."),
        Column("train_rows", "bigint", "Interactions it was fitted on.", unit="rows"),
        Column("train_seconds", "double", "Wall time of fit and save.", unit="s"),
    ),
    primary_key=("run_id",),
    checks=(
        Check(name="ends_after_start", condition="started_at <= ended_at"),
        Check(name="rows_not_negative", condition="train_rows >= 0"),
    ),
)

TRAINING_EPOCHS = Table(
    name="gold.training_epochs",
    grain="one row per epoch of the training of a deep model",
    columns=(
        Column("training_id", "string", "Hash of model, settings, seed and snapshot; weights lie under models/<training_id>."),
        Column("epoch", "int", "Epoch, from 0."),
        _MODEL,
        _AS_OF,
        Column("snapshot_id", "string", "What it was trained on (ops.snapshots)."),
        Column("ranks", "int", "Processes that trained together.", unit="processes"),
        Column("loss", "double", "Mean loss over all terms of all ranks."),
        Column("learning_rate", "double", "Of the last step."),
        Column("gradient_norm", "double", "Euclidean norm of the last step's gradient, before clipping."),
        Column("seconds", "double", "Wall time.", unit="s"),
        Column("samples_per_second", "double", "Rows of the snapshot per second, all ranks together.", unit="rows/s"),
        Column("waiting_share", "double", "Share of the time that rank 0 waited for data.", unit="0 to 1"),
    ),
    primary_key=("training_id", "epoch"),
    checks=(
        Check(name="epoch_from_0", condition="epoch >= 0"),
        Check(name="share_of_time", condition="waiting_share BETWEEN 0 AND 1"),
    ),
)

_PROTOCOL = Column("protocol", "string", "`all_items`, or `new_items` (only items new to the user, seen ones left out).")
_METRIC = Column("metric", "string", "Name of the metric; its formula stands in evaluation/metrics.py.")
_K = Column("k", "int", "Cut-off of the list.", unit="items")
_SEGMENT = Column("segment", "string", "Users counted: `all`, or a segment by items known of a user; `largest_gap`: between two of these.")
_K_FROM_1 = Check(name="k_from_1", condition="k >= 1")

MODEL_METRICS = Table(
    name="gold.model_metrics",
    grain="one row per (run, protocol, metric, k, segment)",
    columns=(
        _RUN_ID,
        _PROTOCOL,
        _METRIC,
        _K,
        _SEGMENT,
        _MODEL,
        _AS_OF,
        Column("value", "double", "Mean over users (coverage, gini, entropy: of all lists); null where none counts.", nullable=True),
        Column("ci_low", "double", "Lower end of the 95 % bootstrap interval over users; null where none is defined.", nullable=True),
        Column("ci_high", "double", "Upper end of the 95 % bootstrap interval over users; null where none is defined.", nullable=True),
        Column("n_users", "bigint", "Users counted.", unit="users"),
        Column("n_users_skipped", "bigint", "Known users left out: accuracy, nothing was relevant to them; else, no list.", unit="users"),
    ),
    primary_key=("run_id", "protocol", "metric", "k", "segment"),
    partition_by=("as_of_date",),
    checks=(_K_FROM_1, Check(name="interval_holds_value", condition="ci_low <= ci_high")),
)

METRIC_REPLICATES = Table(
    name="gold.metric_replicates",
    grain="one row per (run, protocol, metric, k, segment) of a metric with an interval",
    columns=(
        _RUN_ID,
        _PROTOCOL,
        _METRIC,
        _K,
        _SEGMENT,
        _MODEL,
        _AS_OF,
        Column(
            "means",
            "array<double>",
            "The value, then one per bootstrap replicate (null: nobody was drawn); two runs are paired replicate by replicate.",
        ),
    ),
    primary_key=("run_id", "protocol", "metric", "k", "segment"),
    partition_by=("as_of_date",),
    checks=(_K_FROM_1, Check(name="has_replicates", condition="size(means) > 1")),
)

MODEL_DISTRIBUTIONS = Table(
    name="gold.model_distributions",
    grain="one row per (run, protocol, quantity, k, bin)",
    columns=(
        _RUN_ID,
        _PROTOCOL,
        Column("quantity", "string", "`item_popularity`: users who have the item shown; `score`: the model's score of it."),
        _K,
        Column("bin", "int", "Half octaves: floor(2 log2(users)), or round(2 sign(s) log2(1 + 1024 |s|)) of a score s."),
        _MODEL,
        _AS_OF,
        Column("n", "bigint", "Places of all lists in the bin.", unit="places"),
    ),
    primary_key=("run_id", "protocol", "quantity", "k", "bin"),
    partition_by=("as_of_date",),
    checks=(
        _K_FROM_1,
        Check(name="known_quantity", condition="quantity IN ('item_popularity', 'score')"),
        Check(name="not_empty", condition="n > 0"),
    ),
)

PROMOTIONS = Table(
    name="gold.promotions",
    grain="one row per decision of the gate, and per rollback",
    columns=(
        Column("decision_id", "string", "Hash of candidate, champion, rules and numbers: the same decision has one row."),
        Column("candidate_run_id", "string", "The run judged (gold.model_runs)."),
        Column("champion_run_id", "string", "The run served until then; null where there was none.", nullable=True),
        Column("verdict", "string", "`promoted`, `rejected`, `kept` (good enough, another was better), or `rollback`."),
        Column("reason", "string", "Each rule that decided, with its number and its limit."),
        Column("metric", "string", "What was compared: metric@k under a protocol."),
        Column(
            "delta", "double", "Candidate minus champion (where none: the best baseline) on the same users; null where none.", nullable=True
        ),
        Column("ci_low", "double", "Lower end of the paired 95 % interval; null where none.", nullable=True),
        Column("ci_high", "double", "Upper end of the paired 95 % interval; null where none.", nullable=True),
        Column("checks", "string", "Every rule as JSON: name, number, limit, whether it held."),
        _MODEL,
        _AS_OF,
        Column("decided_at", "timestamp", "When.", unit="UTC"),
    ),
    primary_key=("decision_id",),
    checks=(Check(name="known_verdict", condition="verdict IN ('promoted', 'rejected', 'kept', 'rollback')"),),
)

_CAMPAIGN = Column("campaign_id", "string", "Campaign key.")
_VARIANT = Column("variant", "string", "What the users were given.")


def added(name: str, kind: str, doc: str, unit: str) -> Column:
    """A number that tables of earlier versions lack; null only in rows that were written before it was declared."""
    return Column(name, kind, f"{doc[:-1]}; null in rows of earlier versions.", unit=unit, nullable=True)


CAMPAIGN_COUNTS = (
    Column("n_sends", "bigint", "Messages sent.", unit="messages"),
    Column("n_impressions", "bigint", "Impressions, opened messages among them.", unit="events"),
    added("n_opens", "bigint", "Messages opened.", "events"),
    Column("n_clicks", "bigint", "Clicks.", unit="events"),
    Column(
        "n_conversions",
        "bigint",
        "Coupons of the campaign redeemed by its audience while it ran, and purchases that name it where it lists no items.",
        unit="events",
    ),
    added("n_unsubscribes", "bigint", "Users who unsubscribed on its account.", "events"),
    added("n_purchases", "bigint", "Purchases behind the revenue; one may count for several campaigns.", "events"),
    added("n_exclusive_purchases", "bigint", "Those that count for this campaign alone: over campaigns each counts once.", "events"),
    added("n_refunds", "bigint", "Refunds behind the refunded money.", "events"),
    added("n_unpriced", "bigint", "Purchases and refunds left out of all money, for want of a rate of their currency.", "events"),
)
CAMPAIGN_MONEY = (
    Column(
        "revenue",
        "decimal(18,4)",
        "Sales of the campaign's items to its audience while it ran; a sale may be revenue of several campaigns.",
        unit="currency",
    ),
    added(
        "exclusive_revenue",
        "decimal(18,4)",
        "Revenue, each sale given to one campaign (of those it counts for, the one that began last): over campaigns it is what was sold.",
        "currency",
    ),
    added("refunds", "decimal(18,4)", "Money given back for the campaign's items while it ran; not subtracted from revenue.", "currency"),
    Column("discount", "decimal(18,4)", "Coupon discount in those sales.", unit="currency"),
    Column("cost", "decimal(18,4)", "Sends times the campaign's unit cost.", unit="currency"),
)
RATES_VERSION = Column(
    "rates_version",
    "string",
    "Delta version of silver.currency_rates that money was converted with; null where none was read.",
    nullable=True,
)
GROSS_MARGIN = Column("gross_margin", "decimal(18,4)", "Assumed margin share times revenue.", unit="currency")
SUM_CHECKS = (
    Check(name="counts_not_negative", condition="n_sends >= 0 AND n_conversions >= 0 AND n_impressions >= 0 AND n_clicks >= 0"),
    Check(name="money_not_negative", condition="revenue >= 0 AND discount >= 0 AND cost >= 0"),
)

CAMPAIGN_OUTCOMES = Table(
    name="gold.campaign_outcomes",
    grain="one row per (campaign, user)",
    columns=(
        _CAMPAIGN,
        Column("user_id", "string", "User key."),
        _VARIANT,
        Column("segment", "string", "The user's segment; `unknown` where none is declared."),
        *CAMPAIGN_COUNTS,
        Column("is_converted", "boolean", "Whether the user converted at least once."),
        *CAMPAIGN_MONEY,
        Column("first_conversion_at", "timestamp", "First conversion; null where none.", unit="UTC", nullable=True),
        Column("first_impression_at", "timestamp", "First impression or open; null where none.", unit="UTC", nullable=True),
        Column("first_click_at", "timestamp", "First click; null where none.", unit="UTC", nullable=True),
        RATES_VERSION,
    ),
    primary_key=("campaign_id", "user_id"),
    checks=(
        *SUM_CHECKS,
        Check(
            name="converted_has_time", condition="is_converted = (n_conversions > 0) AND is_converted = (first_conversion_at IS NOT NULL)"
        ),
    ),
)

_ROAS = Measure(
    name="roas",
    numerator="revenue",
    denominator="cost + discount",
    doc="Revenue per unit of money spent on sends and discounts; over campaigns a sale of two of them counts twice.",
)
_RATIOS = {
    "ctr": ("n_clicks", "n_impressions", "Clicks per impression."),
    "cvr": ("n_conversions", "n_clicks", "Conversions per click."),
    "cpc": ("cost", "n_clicks", "Cost per click."),
    "cpm": ("1000 * cost", "n_impressions", "Cost per thousand impressions."),
    "cpa": ("cost", "n_conversions", "Cost per conversion."),
}
CAMPAIGN_RATIOS = (
    _ROAS,
    Measure(
        name="exclusive_roas",
        numerator="exclusive_revenue",
        denominator="cost + discount",
        doc="The same, each sale counted for one campaign only.",
    ),
    *(Measure(name=name, numerator=of, denominator=by, doc=doc) for name, (of, by, doc) in _RATIOS.items()),
    Measure(name="open_rate", numerator="n_opens", denominator="n_sends", doc="Messages opened per message sent."),
    Measure(name="unsubscribe_rate", numerator="n_unsubscribes", denominator="n_sends", doc="Unsubscribes per message sent."),
    Measure(name="refund_rate", numerator="refunds", denominator="revenue", doc="Money given back per unit of revenue; may exceed 1."),
)
"""Measures over events; those of gold.campaign_kpis have intervals as well, over users."""


def _over_users(name: str, squares: str, denominator_squares: str, products: str) -> Measure:
    """A ratio of `CAMPAIGN_RATIOS` with its interval over independent users."""
    (plain,) = (measure for measure in CAMPAIGN_RATIOS if measure.name == name)
    sums = {"squares": squares, "denominator_squares": denominator_squares, "products": products}
    return replace(plain, interval="normal", **sums)


_MEASURES = (
    _over_users("roas", "revenue_sq", "spend_sq", "revenue_spend"),
    _over_users("ctr", "n_clicks_sq", "n_impressions_sq", "n_clicks_n_impressions"),
    _over_users("cvr", "n_conversions_sq", "n_clicks_sq", "n_conversions_n_clicks"),
    _over_users("cpc", "cost_sq", "n_clicks_sq", "cost_n_clicks"),
    _over_users("cpm", "1000000 * cost_sq", "n_impressions_sq", "1000 * cost_n_impressions"),
    _over_users("cpa", "cost_sq", "n_conversions_sq", "cost_n_conversions"),
    *(m for m in CAMPAIGN_RATIOS if m.name not in ("roas", *_RATIOS)),
    Measure(
        name="roi",
        numerator="gross_margin - discount - cost",
        denominator="cost + discount",
        doc="Net gain per unit of money spent; rests on the assumed unit cost and margin.",
        interval="normal",
        squares="net_gain_sq",
        denominator_squares="spend_sq",
        products="net_gain_spend",
    ),
    Measure(
        name="redemption_rate",
        numerator="n_converted_users",
        denominator="n_users",
        doc="Share of the audience that redeemed at least once.",
        interval="wilson",
    ),
    Measure(
        name="conversions_per_user",
        numerator="n_conversions",
        denominator="n_users",
        doc="Redemptions per user of the audience.",
        interval="normal",
        squares="n_conversions_sq",
    ),
    Measure(
        name="revenue_per_user",
        numerator="revenue",
        denominator="n_users",
        doc="Revenue per user of the audience.",
        interval="normal",
        squares="revenue_sq",
    ),
)

_SQUARED = (("n_impressions", "events squared"), ("n_clicks", "events squared"), ("cost", "currency squared"))
USER_PRODUCTS = (
    ("n_clicks", "n_impressions"),
    ("n_conversions", "n_clicks"),
    ("cost", "n_clicks"),
    ("cost", "n_impressions"),
    ("cost", "n_conversions"),
    ("revenue", "spend"),
)
"""Pairs whose products over users the intervals of ratios need; `spend` is cost + discount."""

CAMPAIGN_KPIS = Table(
    name="gold.campaign_kpis",
    grain="one row per (campaign, variant, segment); every number adds up",
    columns=(
        _CAMPAIGN,
        _VARIANT,
        Column("segment", "string", "Segment of the users; `unknown` where none is declared."),
        Column("n_users", "bigint", "Users in the audience.", unit="users"),
        *CAMPAIGN_COUNTS,
        Column("n_conversions_sq", "double", "Sum over users of conversions squared."),
        Column("n_converted_users", "bigint", "Users who converted.", unit="users"),
        *CAMPAIGN_MONEY,
        GROSS_MARGIN,
        Column("revenue_sq", "double", "Sum over users of revenue squared.", unit="currency squared"),
        Column("net_gain_sq", "double", "Sum over users of (gross margin - discount - cost) squared.", unit="currency squared"),
        Column("spend_sq", "double", "Sum over users of (cost + discount) squared.", unit="currency squared"),
        Column("net_gain_spend", "double", "Sum over users of net gain times spend.", unit="currency squared"),
        *(added(f"{name}_sq", "double", f"Sum over users of {name} squared.", unit) for name, unit in _SQUARED),
        *(added(f"{one}_{other}", "double", f"Sum over users of {one} times {other}.", "product") for one, other in USER_PRODUCTS),
        RATES_VERSION,
    ),
    primary_key=("campaign_id", "variant", "segment"),
    checks=(*SUM_CHECKS, Check(name="converted_within_audience", condition="n_converted_users <= n_users")),
    measures=_MEASURES,
    rollups=(("campaign_id",), ("campaign_id", "variant"), ("segment", "variant")),
)

CAMPAIGN_DAILY_KPIS = Table(
    name="gold.campaign_daily_kpis",
    grain="one row per (campaign, variant, business day with an event)",
    columns=(
        _CAMPAIGN,
        _VARIANT,
        Column("date", "date", "Business day.", unit="business time zone"),
        *CAMPAIGN_COUNTS,
        *CAMPAIGN_MONEY,
        GROSS_MARGIN,
        RATES_VERSION,
    ),
    primary_key=("campaign_id", "variant", "date"),
    layout=("trunc(date, 'MONTH')", "campaign_id", "date"),  # a month's campaigns side by side: a date and a campaign both are in few files
    checks=SUM_CHECKS,
    measures=CAMPAIGN_RATIOS,
    rollups=(("campaign_id",), ("date",)),
)
