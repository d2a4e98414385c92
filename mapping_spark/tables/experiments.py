"""Who was assigned what, the sums of experiments, what they say, and which channel gets the credit."""

from mapping_spark.tables.contract import Check, Column, Measure, Table

_CAMPAIGN = Column("campaign_id", "string", "Campaign key.")
_USER = Column("user_id", "string", "User key.")
_VARIANT = Column("variant", "string", "What users are given; `control` where they are held out.", is_category=True)
_AS_OF = Column("as_of_date", "date", "Only events of earlier business days were used.", unit="business time zone")

CAMPAIGN_ALLOCATIONS = Table(
    name="silver.campaign_allocations",
    grain="one row per range of a campaign's hash buckets; ranges are only ever added",
    columns=(
        _CAMPAIGN,
        Column("first_bucket", "int", "First bucket of the range, 0 to 9,999."),
        Column("last_bucket", "int", "Last bucket of the range, inclusive."),
        _VARIANT,
    ),
    primary_key=("campaign_id", "first_bucket"),
    checks=(Check(name="within_the_buckets", condition="0 <= first_bucket AND first_bucket <= last_bucket AND last_bucket < 10000"),),
)

CAMPAIGN_ASSIGNMENTS = Table(
    name="silver.campaign_assignments",
    grain="one row per (campaign, user) that the campaign was planned for; never changed",
    columns=(
        _CAMPAIGN,
        _USER,
        _VARIANT,
        Column("stratum", "string", "The user's segment when assigned; `unknown` where none is declared."),
        Column("assigned_at", "timestamp", "Start of the date of the run that assigned.", unit="UTC"),
    ),
    primary_key=("campaign_id", "user_id"),
    checks=(Check(name="variant_not_blank", condition="length(variant) > 0"),),
)

CAMPAIGN_ASSIGNMENT_COUNTS = Table(
    name="gold.campaign_assignment_counts",
    grain="one row per (as_of_date, campaign, stratum, status); over statuses they sum to all users",
    columns=(
        _AS_OF,
        _CAMPAIGN,
        Column("stratum", "string", "The users' segment; `unknown` where none is declared."),
        Column(
            "status",
            "string",
            "The variant, or why none: `(no consent)`, `(frequency cap)`, `(global holdout)`, `(other campaign)` or `(not selected)`.",
        ),
        Column("n_users", "bigint", "Users.", unit="users"),
    ),
    primary_key=("as_of_date", "campaign_id", "stratum", "status"),
    partition_by=("as_of_date",),
    checks=(Check(name="some_users", condition="n_users > 0"),),
)

_METRIC = Column("metric", "string", "Name of the metric (campaign/experiment_sums.py).", is_category=True)
_SUM_COLUMNS = (
    Column("n_users", "bigint", "Users of the group.", unit="users"),
    Column("numerator", "double", "Sum over users of the metric's numerator."),
    Column("denominator", "double", "Sum over users of its denominator; 1 each for a mean."),
    Column("covariate", "double", "Sum over users of what was known before assignment; 0 where the metric uses nothing."),
    Column("numerator_sq", "double", "Sum over users of the numerator squared."),
    Column("denominator_sq", "double", "Sum over users of the denominator squared."),
    Column("covariate_sq", "double", "Sum over users of the covariate squared."),
    Column("numerator_denominator", "double", "Sum over users of numerator times denominator."),
    Column("numerator_covariate", "double", "Sum over users of numerator times covariate."),
    Column("denominator_covariate", "double", "Sum over users of denominator times covariate."),
)

EXPERIMENT_SUMS = Table(
    name="gold.experiment_sums",
    grain="one row per (campaign, metric, variant, segment); every number adds up over segments",
    columns=(
        _CAMPAIGN,
        _METRIC,
        _VARIANT,
        Column("segment", "string", "The users' segment; `unknown` where none is declared."),
        *_SUM_COLUMNS,
    ),
    primary_key=("campaign_id", "metric", "variant", "segment"),
    checks=(
        Check(name="some_users", condition="n_users > 0"),
        Check(name="squares_not_negative", condition="numerator_sq >= 0 AND denominator_sq >= 0 AND covariate_sq >= 0"),
    ),
    measures=(
        Measure(
            name="value",
            numerator="numerator",
            denominator="denominator",
            doc="The metric, as it is.",
            interval="normal",
            squares="numerator_sq",
            denominator_squares="denominator_sq",
            products="numerator_denominator",
        ),
    ),
)


def _number(name: str, doc: str) -> Column:
    """A number that the data may not give."""
    return Column(name, "double", f"{doc}; null where the data does not give it.", nullable=True)


EXPERIMENT_RESULTS = Table(
    name="gold.experiment_results",
    grain="one row per (campaign, metric, comparison, segment)",
    columns=(
        _CAMPAIGN,
        _METRIC,
        Column("comparison", "string", "`<variant> against control`, or `<variant> alone` where nobody was held out."),
        Column("segment", "string", "Users compared: `all`, or one segment."),
        _VARIANT,
        Column("role", "string", "`primary` decides, `guardrail` must not be harmed, `secondary` explains.", is_category=True),
        Column("n_users", "bigint", "Users given the variant.", unit="users"),
        Column("n_control_users", "bigint", "Users held out.", unit="users"),
        _number("value", "The metric of the variant, adjusted by the covariate where there is one"),
        _number("control_value", "The metric of the control, adjusted alike"),
        _number("difference", "Variant less control"),
        _number("ci_low", "Lower end of the difference's 95 % interval, for one look at the end"),
        _number("ci_high", "Upper end of the difference's 95 % interval, for one look at the end"),
        _number("relative_lift", "Difference as a share of the control's value"),
        _number("relative_low", "Lower end of the lift's 95 % interval"),
        _number("relative_high", "Upper end of the lift's 95 % interval"),
        _number("p_value", "Two-sided, for one look at the end"),
        _number(
            "adjusted_p_value",
            "What decides: Holm over primary metrics, Benjamini-Hochberg over the rest; of the p-values that hold at several looks "
            "while the campaign runs, or where looks were planned",
        ),
        _number("always_valid_p_value", "May be looked at any number of times, or at the looks that were planned"),
        _number("always_valid_low", "Lower end of the 95 % interval that may be looked at any number of times"),
        _number("always_valid_high", "Upper end of the 95 % interval that may be looked at any number of times"),
        _number("variance_reduction", "Share of the metric's variance that the covariate explains (CUPED), 0 to 1"),
        _number("probability_best", "Posterior probability that the variant is the best of all, control included"),
        _number("expected_loss", "By how much the best of all is expected to lie above the variant"),
        _number("shrunk_difference", "A segment's difference, drawn towards that of all segments (empirical Bayes)"),
        _number("shrunk_low", "Lower end of its 95 % interval"),
        _number("shrunk_high", "Upper end of its 95 % interval"),
        _number("sample_ratio_p_value", "How likely the users per variant are under the shares assigned (chi-square)"),
        Column(
            "verdict",
            "string",
            "`better`, `worse`, `no_difference_shown`, `guardrail_held`, `_broken` or `_not_shown`, or `no_verdict`.",
            is_category=True,
        ),
        Column("reason", "string", "The numbers that decided, in words."),
        _AS_OF,
    ),
    primary_key=("campaign_id", "metric", "comparison", "segment"),
    checks=(
        Check(
            name="known_verdict",
            condition="verdict IN ('better', 'worse', 'no_difference_shown', 'no_verdict', "
            "'guardrail_held', 'guardrail_broken', 'guardrail_not_shown')",
        ),
        Check(name="interval_in_order", condition="ci_low <= ci_high"),
    ),
)

EXPERIMENT_LOOKS = Table(
    name="gold.experiment_looks",
    grain="one row per (as_of_date, campaign, metric, comparison): what each run saw of a primary metric against a control",
    columns=(
        _AS_OF,
        _CAMPAIGN,
        _METRIC,
        Column("comparison", "string", "`<variant> against control`."),
        Column("n_users", "bigint", "Users given the variant by then.", unit="users"),
        Column("n_control_users", "bigint", "Users held out by then.", unit="users"),
        _number("difference", "Variant less control"),
        _number("ci_low", "Lower end of the difference's 95 % interval, right for one look only"),
        _number("ci_high", "Upper end of the difference's 95 % interval, right for one look only"),
        _number("always_valid_low", "Lower end of the 95 % interval that may be looked at any number of times"),
        _number("always_valid_high", "Upper end of the 95 % interval that may be looked at any number of times"),
        _number("always_valid_p_value", "May be looked at any number of times"),
        Column("verdict", "string", "What was said of it (gold.experiment_results).", is_category=True),
    ),
    primary_key=("as_of_date", "campaign_id", "metric", "comparison"),
    partition_by=("as_of_date",),
    checks=(
        Check(name="somebody_was_held_out", condition="n_control_users > 0"),
        Check(name="interval_in_order", condition="always_valid_low <= always_valid_high"),
    ),
)
