"""Campaigns that held nobody out: effects by comparison beside their placebos, and attribution by method side by side."""

import altair as alt

from mapping_spark.report import charts
from mapping_spark.report.ask import Answer, Ask
from mapping_spark.report.blocks import Chart, Grid, Section, count, decimals, intervals, number, share, words

METHODS = ("last", "first", "linear", "position", "time_decay", "markov_1", "markov_2", "shapley", "shapley_rate")
"""Of attribution, in the order of drawing: rules first."""

EFFECTS = r"""
SELECT concat(campaign_id, ', ', replace(metric, '_', ' '), '\n', replace(method, '_', ' ')) AS estimate, campaign_id, metric, method,
       effect, ci_low AS effect_low, ci_high AS effect_high, placebo_p_value, largest_placebo, bears, n_weeks, n_mailed, n_others,
       n_unmatched, fit_error, assumptions
FROM gold.campaign_effects
WHERE origin = 0 AND effect IS NOT NULL
ORDER BY campaign_id, metric, method
"""

PLACEBOS = r"""
SELECT concat(campaign_id, ', ', replace(metric, '_', ' '), '\n', replace(method, '_', ' ')) AS estimate, origin, effect
FROM gold.campaign_effects
WHERE origin < 0 AND effect IS NOT NULL
ORDER BY campaign_id, metric, method, origin
"""

CREDITS = f"""
SELECT method, channel, CAST(conversions AS DOUBLE) AS conversions, revenue, removal_effect,
       CAST(conversions AS DOUBLE) / NULLIF(CAST(SUM(conversions) OVER (PARTITION BY method) AS DOUBLE), 0) AS share,
       channel = '(unattributed)' AS is_unattributed
FROM gold.channel_attribution
ORDER BY array_position(array({", ".join(f"'{method}'" for method in METHODS)}), method), is_unattributed, channel
"""  # noqa: S608 (constants of this file)


def section(ask: Ask) -> Section:
    """Both ways to speak of a campaign's use without an experiment."""
    effects, placebos, credits = ask("effects", EFFECTS), ask("placebos", PLACEBOS), ask("credits", CREDITS)
    blocks = (*compared(effects, placebos), *credited(credits))
    if not blocks:
        return Section("No effect was estimated without a holdout, and no order fell into the days that are attributed.", ())
    return Section(" ".join(filter(None, (told(effects), parted(credits)))), blocks)


def told(effects: Answer) -> str:
    """What the estimates are, and are not."""
    if not effects.rows:
        return "No campaign's effect was estimated without a holdout."
    beyond = sum(abs(row["effect"]) > abs(row["largest_placebo"] or 0) for row in effects.records)
    return (
        f"Nobody was held out of these campaigns. What follows rests on assumptions and is {effects.records[0]['assumptions']}. "
        f"{count(beyond)} of {count(len(effects.rows))} estimates lie farther from 0 than every placebo, at whose beginning nothing began."
    )


def parted(credits: Answer) -> str:
    """How many orders are credited at all."""
    last = [row for row in credits.records if row["method"] == "last"]
    n_orders, n_touched = (sum(row["conversions"] for row in rows) for rows in (last, [r for r in last if not r["is_unattributed"]]))
    if not n_orders:
        return ""
    channels = touched(credits)
    alone = f" All came by {channels[0]}, so every method says the same." if len(channels) == 1 else ""
    return (
        f"Of {count(n_orders)} orders {count(n_touched)} ({share(n_touched / n_orders)}) had a touch before them; attribution parts them "
        f"among channels, and says nothing of what would have been bought anyway.{alone}"
    )


def touched(credits: Answer) -> list[str]:
    """Channels of touches."""
    return sorted({row["channel"] for row in credits.records if not row["is_unattributed"]})


def compared(effects: Answer, placebos: Answer) -> tuple[Chart | Grid, ...]:
    """The forest plot with its placebos, then the numbers."""
    if not effects.rows:
        return ()
    columns = (
        words("campaign", "campaign_id"),
        words("of", "metric"),
        words("method", "method"),
        number("effect [95 %]", "effect", "effect_low", "effect_high", show=intervals(3)),
        number("placebo p", "placebo_p_value", show=decimals(3)),
        number("farthest placebo", "largest_placebo", show=decimals(3)),
        number("bears", "bears", show=decimals(2)),
        number("fit error", "fit_error", show=decimals(3)),
        number("weeks", "n_weeks"),
        number("mailed", "n_mailed"),
        number("others", "n_others"),
        number("left out", "n_unmatched"),
    )
    caption = (
        "Currency per mailed household and week, mailed against others like them, after the start against before. Hollow rings are the "
        "same estimate at placebo weeks: a dot among its rings shows nothing, whatever its interval. Bears: how many times the "
        "farthest placebo the assumptions may fail until the effect is gone; below 1 it is gone already."
    )
    return (
        Chart("Estimated effects beside their placebos", caption, (effects, placebos), (forest(effects, placebos),)),
        Grid("Estimates without a holdout", effects, columns),
    )


def forest(effects: Answer, placebos: Answer) -> alt.LayerChart:
    """Dots with whiskers, rings for placebos on the same line."""
    chart = charts.intervals(effects, "estimate", "effect", charts.amounts("per mailed household and week", ",~r"), origin=True)
    hint = ["estimate:N", alt.Tooltip("origin:Q", title="weeks from the start"), alt.Tooltip("effect:Q", format=",.3f")]
    rings = charts.of(placebos).mark_point(filled=False, size=55, opacity=0.9, color="var(--muted-mark)")
    chart.layer.insert(1, rings.encode(y=chart.layer[-1].encoding.y, x="effect:Q", tooltip=hint))
    described = "Estimated effect of each campaign, metric and method with its 95 % interval, beside its placebos."
    return chart.properties(description=described)


def credited(credits: Answer) -> tuple[Chart | Grid, ...]:
    """A picture per method where there is more than one channel, then the numbers."""
    channels = touched(credits)
    if not channels:
        return ()
    columns = (
        words("method", "method"),
        words("channel", "channel"),
        number("orders", "conversions", show=decimals(1)),
        number("share", "share", show=share),
        number("revenue", "revenue", show=decimals(2)),
        number("lost without it", "removal_effect", show=share),
    )
    caption = (
        "Orders credited to each channel, on one scale; orders that no touch came before are left out here and stand in the table. "
        "Every method parts the same orders, to the last of four decimals: where they differ, the method decides and not the data."
    )
    methods = [method for method in METHODS if method in credits.values("method")]
    pictures = [of_method(credits, method, channels) for method in methods]
    chart = Chart("Attribution by method", caption, (credits,), pictures, is_wide=False)
    return (*([chart] if len(channels) > 1 else []), Grid("Credits by method and channel", credits, columns))


def of_method(credits: Answer, method: str, channels: list[str]) -> alt.LayerChart:
    """Bars of one method, on the scale of all."""
    most = max(row["conversions"] for row in credits.records if not row["is_unattributed"])
    chart = charts.bars(credits, "channel", "conversions", alt.Axis(title=None, labels=False, grid=False))
    scaled = alt.X("conversions:Q", axis=None, scale=alt.Scale(domain=[0, most or 1]))
    chart.layer[0] = chart.layer[0].encode(x=scaled)
    chart.layer[1] = chart.layer[1].encode(x=scaled, text=alt.Text("conversions:Q", format=",.1~f"))
    mine = chart.transform_filter(f"datum.method == '{method}' && !datum.is_unattributed")
    title = method.replace("_", " ")
    return mine.properties(height=24 * len(channels), title=title, description=f"Orders credited to each channel by {title}.")
