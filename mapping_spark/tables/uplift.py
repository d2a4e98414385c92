"""Whom campaigns move, whom to send what, and what a plan would bring."""

from mapping_spark.tables.contract import Check, Column, Measure, Table

_AS_OF = Column("as_of_date", "date", "Only events of earlier business days were used.", unit="business time zone")
_CAMPAIGN = Column("campaign_id", "string", "Campaign key.")
_USER = Column("user_id", "string", "User key.")
_LEARNER = Column("learner", "string", "How the effect was learnt (campaign/uplift.py).", is_category=True)
_CHANNEL = Column("channel", "string", "How the campaign reaches people.", is_category=True)
_SEGMENT = Column("segment", "string", "The users' segment; `unknown` where none is declared.")

UPLIFT_SCORES = Table(
    name="gold.uplift_scores",
    grain="one row per (as_of_date, campaign, user)",
    columns=(
        _AS_OF,
        _CAMPAIGN,
        _USER,
        _LEARNER,
        Column(
            "uplift",
            "double",
            "Expected change of the chance to convert by being sent the campaign, by models that have not seen the user.",
        ),
        Column(
            "if_not",
            "double",
            "Expected chance to convert without the campaign, by models that have not seen the user; null where it was not kept.",
            nullable=True,
        ),
        Column("variant", "string", "What the user was given; `control` where held out."),
        _SEGMENT,
    ),
    primary_key=("as_of_date", "campaign_id", "user_id"),
    partition_by=("as_of_date",),
    checks=(Check(name="uplift_is_a_number", condition="NOT isnan(uplift)"),),
)

UPLIFT_BINS = Table(
    name="gold.uplift_bins",
    grain="one row per (as_of_date, campaign, learner, bin of the score); every number adds up",
    columns=(
        _AS_OF,
        _CAMPAIGN,
        _LEARNER,
        Column("bin", "int", "Bin of about equal size of all scored users, from 0 (highest uplift)."),
        Column("n_treated", "bigint", "Users sent the campaign.", unit="users"),
        Column("n_control", "bigint", "Users held out.", unit="users"),
        Column("treated_outcome", "double", "Outcomes of those sent it."),
        Column("control_outcome", "double", "Outcomes of those held out."),
        Column("treated_outcome_sq", "double", "Sum over those sent it of the outcome squared."),
        Column("control_outcome_sq", "double", "Sum over those held out of the outcome squared."),
        Column("uplift", "double", "Sum of the predicted effects."),
    ),
    primary_key=("as_of_date", "campaign_id", "learner", "bin"),
    partition_by=("as_of_date",),
    checks=(Check(name="bin_from_0", condition="bin >= 0"), Check(name="some_users", condition="n_treated + n_control > 0")),
    measures=(
        Measure(
            name="treated_mean",
            numerator="treated_outcome",
            denominator="n_treated",
            doc="Outcome per user sent the campaign.",
            interval="normal",
            squares="treated_outcome_sq",
        ),
        Measure(
            name="control_mean",
            numerator="control_outcome",
            denominator="n_control",
            doc="Outcome per user held out.",
            interval="normal",
            squares="control_outcome_sq",
        ),
        Measure(name="predicted_uplift", numerator="uplift", denominator="n_treated + n_control", doc="Predicted effect per user."),
    ),
)

_NO_ARM = "null where no user was sent it, or none held out"
_NO_SPREAD = "null where it has none: fewer than two users sent it, or held out"

UPLIFT_CALIBRATION = Table(
    name="gold.uplift_calibration",
    grain="one row per (as_of_date, campaign, learner, decile): what was predicted beside what was seen",
    columns=(
        _AS_OF,
        _CAMPAIGN,
        _LEARNER,
        Column("decile", "int", "Tenth of the users by predicted effect, from 1 (highest); fewer than ten where few scores differ."),
        Column("n_treated", "bigint", "Users sent the campaign.", unit="users"),
        Column("n_control", "bigint", "Users held out.", unit="users"),
        Column("predicted", "double", "Predicted effect per user, on the chance to convert."),
        Column("observed", "double", f"Share converted of those sent it less that of those held out; {_NO_ARM}.", nullable=True),
        Column("ci_low", "double", f"Lower end of its 95 % interval; {_NO_SPREAD}.", nullable=True),
        Column("ci_high", "double", f"Upper end of its 95 % interval; {_NO_SPREAD}.", nullable=True),
    ),
    primary_key=("as_of_date", "campaign_id", "learner", "decile"),
    partition_by=("as_of_date",),
    checks=(
        Check(name="decile_from_1", condition="decile BETWEEN 1 AND 10"),
        Check(name="interval_in_order", condition="ci_low <= ci_high"),
    ),
)

UPLIFT_METRICS = Table(
    name="gold.uplift_metrics",
    grain="one row per (as_of_date, campaign, learner, metric)",
    columns=(
        _AS_OF,
        _CAMPAIGN,
        _LEARNER,
        Column("metric", "string", "`qini` or `auuc` (campaign/qini.py).", is_category=True),
        Column("value", "double", "The metric, in outcomes per treated user (qini) or per user (auuc)."),
        Column("ci_low", "double", "Lower end of the 95 % bootstrap interval over users; null where none.", nullable=True),
        Column("ci_high", "double", "Upper end of the 95 % bootstrap interval over users; null where none.", nullable=True),
        Column("n_users", "bigint", "Users ranked.", unit="users"),
    ),
    primary_key=("as_of_date", "campaign_id", "learner", "metric"),
    partition_by=("as_of_date",),
    checks=(Check(name="interval_in_order", condition="ci_low <= ci_high"),),
)

TARGETING_PLAN = Table(
    name="gold.targeting_plan",
    grain="one row per (as_of_date, user to be sent something)",
    columns=(
        _AS_OF,
        _USER,
        _CAMPAIGN,
        _CHANNEL,
        _SEGMENT,
        Column("uplift", "double", "Expected change of the chance to convert (gold.uplift_scores)."),
        Column("value", "double", "Assumed value of a conversion.", unit="currency"),
        Column("cost", "double", "Cost of the send.", unit="currency"),
        Column("gain", "double", "Expected net gain: uplift times value, less cost.", unit="currency"),
    ),
    primary_key=("as_of_date", "user_id"),
    partition_by=("as_of_date",),
    checks=(Check(name="gains_something", condition="gain > 0"), Check(name="cost_not_negative", condition="cost >= 0")),
)

TARGETING_SUMMARY = Table(
    name="gold.targeting_summary",
    grain="one row per as_of_date: the plan as a whole",
    columns=(
        _AS_OF,
        Column("n_users", "bigint", "Users to be sent something.", unit="users"),
        Column("gain", "double", "Expected net gain of the plan.", unit="currency"),
        Column("cost", "double", "Cost of the plan.", unit="currency"),
        Column("bound", "double", "Net gain that no plan within budget and caps exceeds.", unit="currency"),
        Column("gap", "double", "Share of the bound that the plan may have left; null where nothing can be gained.", nullable=True),
        Column("budget", "double", "The budget; null where none is set.", unit="currency", nullable=True),
    ),
    primary_key=("as_of_date",),
    checks=(Check(name="below_the_bound", condition="gain <= bound * (1 + 1e-9) + 1e-9"),),
)

PLAN_VALUES = Table(
    name="gold.plan_values",
    grain="one row per (as_of_date, campaign, segment); every number adds up",
    columns=(
        _AS_OF,
        _CAMPAIGN,
        _SEGMENT,
        Column("n_users", "bigint", "Users of the log.", unit="users"),
        Column("n_targeted", "bigint", "Of them, users whom the plan would send the campaign.", unit="users"),
        Column("weight", "double", "Sum of 1 / the chance of what the user was given, where the plan would give the same."),
        Column("weighted_outcome", "double", "Sum of weight times outcome."),
        Column("robust_outcome", "double", "Sum of the doubly robust outcome under the plan."),
        Column("weight_sq", "double", "Sum of the weight squared."),
        Column("weighted_outcome_sq", "double", "Sum of (weight times outcome) squared."),
        Column("weight_weighted_outcome", "double", "Sum of weight squared times outcome."),
        Column("robust_outcome_sq", "double", "Sum of the doubly robust outcome squared."),
    ),
    primary_key=("as_of_date", "campaign_id", "segment"),
    partition_by=("as_of_date",),
    checks=(Check(name="targets_its_users", condition="n_targeted <= n_users"),),
    measures=(
        Measure(
            name="ips",
            numerator="weighted_outcome",
            denominator="n_users",
            doc="Outcome per user under the plan, by inverse propensity.",
            interval="normal",
            squares="weighted_outcome_sq",
        ),
        Measure(
            name="snips",
            numerator="weighted_outcome",
            denominator="weight",
            doc="The same, normalised by the weights.",
            interval="normal",
            squares="weighted_outcome_sq",
            denominator_squares="weight_sq",
            products="weight_weighted_outcome",
        ),
        Measure(
            name="doubly_robust",
            numerator="robust_outcome",
            denominator="n_users",
            doc="The same, with modelled outcomes corrected by what was seen.",
            interval="normal",
            squares="robust_outcome_sq",
        ),
    ),
)
