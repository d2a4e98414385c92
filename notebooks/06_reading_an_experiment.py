# Databricks notebook source
# MAGIC %md
# MAGIC # 6. Reading an experiment
# MAGIC
# MAGIC Three groups drawn by chance: a letter, a coupon, and a control that gets nothing. What may be said, and what not?
# MAGIC
# MAGIC The users are made up (`campaign/planted.py`), so the truth is known: the coupon raises the chance to convert by .08 for new
# MAGIC users, by .04 for regular ones and not at all for loyal ones; the letter is clicked and sells nothing. One sees whether the
# MAGIC reading finds that. The end shows the campaigns of the warehouse, read by the same functions.

# COMMAND ----------

# MAGIC %matplotlib inline

# COMMAND ----------

import math

import pandas as pd
from matplotlib.figure import Figure
from pyspark.sql import functions as F

from mapping_spark.campaign.planted import planted_users
from mapping_spark.notebook import open_warehouse, parameter
from mapping_spark.tables.effects import CAMPAIGN_EFFECTS
from mapping_spark.tables.experiments import EXPERIMENT_RESULTS

settings, as_of, store = open_warehouse(parameter("env", "demo"), parameter("as_of", ""), parameter("root", ""))

# COMMAND ----------

users = planted_users(int(parameter("users", "12000")), seed=settings.seed)
users.head(3)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Sums
# MAGIC
# MAGIC Every test runs on sums by metric, segment and variant. Here they come from a frame with one row per user; those of a billion users
# MAGIC come from `gold.experiment_sums` and look the same. A ratio has a denominator; `spent_before` was known before anyone was assigned.

# COMMAND ----------

from mapping_spark.campaign.experiments import Columns, Experiment, Metric, groups_of, read_experiment

columns = {
    "conversion": Columns("is_converted"),
    "click_through": Columns("n_clicks", denominator="n_shown"),
    "revenue": Columns("revenue", covariate="spent_before"),
    "unsubscribed": Columns("is_unsubscribed"),
}
groups = groups_of(users, columns)
pd.DataFrame({name: {variant: sums.value for variant, sums in of["all"].items()} for name, of in groups.items()})

# COMMAND ----------

# MAGIC %md
# MAGIC ## Were users assigned as planned?
# MAGIC
# MAGIC First of all. Below .001 nothing else of the experiment can be trusted: below, every tenth user of the coupon is lost on the way, as
# MAGIC a broken log would lose them, and the verdict is blocked.

# COMMAND ----------

thirds = dict.fromkeys(("control", "letter", "coupon"), 1 / 3)
metrics = (
    Metric(name="conversion", kind="proportion", role="primary"),
    Metric(name="click_through", kind="ratio"),
    Metric(name="revenue", kind="mean"),
    Metric(name="unsubscribed", kind="proportion", role="guardrail", higher_is_better=False, margin=0.5),
)
plan = Experiment(metrics=metrics, shares=thirds)
is_lost = (users["variant"] == "coupon") & (users.index % 10 == 0)
broken = pd.DataFrame(read_experiment(plan, groups_of(users[~is_lost], columns)))
broken.loc[broken["segment"] == "all", ["metric", "variant", "sample_ratio_p_value", "verdict", "reason"]]

# COMMAND ----------

# MAGIC %md
# MAGIC ## What the experiment says
# MAGIC
# MAGIC Difference and relative lift with 95 % intervals, p-values corrected for looking at two variants and four metrics, and a verdict
# MAGIC with its reason. Clicks alone would have praised the letter.

# COMMAND ----------

results = pd.DataFrame(read_experiment(plan, groups))
whole = results[results["segment"] == "all"]
shown = ["metric", "variant", "difference", "ci_low", "ci_high", "relative_lift", "p_value", "adjusted_p_value", "verdict"]
whole[shown].round(4)

# COMMAND ----------

list(whole["reason"])

# COMMAND ----------

truth = {"conversion": users["effect"].mean(), "letter": 0.0}
found = whole[whole["metric"] == "conversion"].set_index("variant")
pd.DataFrame({"truth": {"coupon": truth["conversion"], "letter": truth["letter"]}, "found": found["difference"]}).round(4)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Less noise
# MAGIC
# MAGIC CUPED takes away what the spending before explains. The effect stays what it is, its interval gets narrower.

# COMMAND ----------

from mapping_spark.campaign.effects import mean_effect, proportion_effect
from mapping_spark.campaign.moments import cuped, estimate

revenue = groups["revenue"]["all"]
adjustment = cuped(revenue.values())
plain = mean_effect(estimate(revenue["coupon"]), estimate(revenue["control"]))
adjusted = mean_effect(adjustment.estimate(revenue["coupon"]), adjustment.estimate(revenue["control"]))
print(f"{adjustment.variance_reduction:.0%} of the variance explained")
pd.DataFrame([plain, adjusted], index=["plain", "adjusted"])[["difference", "ci_low", "ci_high", "p_value"]].round(4)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Looking every day
# MAGIC
# MAGIC Users come in over fourteen days. Who looks daily at the usual interval (grey) and stops when it leaves 0 is often fooled; the
# MAGIC always-valid interval (blue) may be looked at any number of times. That it is wider is the price. Green: the truth.

# COMMAND ----------

from mapping_spark.campaign.sequential import always_valid, group_sequential_bounds, mixing_variance

days = range(1, users["day"].max() + 2)
conversion = {"conversion": columns["conversion"]}
so_far = {day: groups_of(users[users["day"] < day], conversion)["conversion"]["all"] for day in days}
daily = {day: proportion_effect(of["coupon"], of["control"]) for day, of in so_far.items()}
planned = math.sqrt(2 * 0.2 * 0.8 / (len(users) / 3))  # of the last day, from a past rate of .2: never from this data
looks = {day: always_valid(one.difference, one.standard_error, mixing_variance(planned)) for day, one in daily.items()}
peeking = pd.DataFrame({"usual": pd.Series({d: e.p_value for d, e in daily.items()}), "always": {d: e.p_value for d, e in looks.items()}})
peeking.T.round(4)

# COMMAND ----------

figure = Figure(figsize=(9, 3.5), layout="constrained")
axes = figure.subplots()
axes.fill_between(days, [one.low for one in looks.values()], [one.high for one in looks.values()], color="tab:blue", alpha=0.2)
axes.fill_between(days, [e.ci_low for e in daily.values()], [e.ci_high for e in daily.values()], color="grey", alpha=0.5)
axes.plot(days, [effect.difference for effect in daily.values()], color="black", marker=".")
axes.axhline(truth["conversion"], color="tab:green", linestyle="--")
axes.set(title="Coupon against control, conversion", xlabel="days", ylabel="difference, 95 % intervals", ylim=(-0.1, 0.2))
figure

# COMMAND ----------

# MAGIC %md
# MAGIC Looks that were planned are cheaper. |z| at which each of four may stop (usual at the end: 1.96):

# COMMAND ----------

group_sequential_bounds([0.25, 0.5, 0.75, 1.0])

# COMMAND ----------

# MAGIC %md
# MAGIC ## How probable, and what does an error cost?
# MAGIC
# MAGIC The chance that a variant is the best of the three, and what choosing it is expected to lose against the best.

# COMMAND ----------

whole.loc[whole["metric"] == "conversion", ["variant", "value", "probability_best", "expected_loss"]].round(4)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Who reacts?
# MAGIC
# MAGIC A segment's own difference (grey) is noisy; shrunk (blue) it is drawn towards that of all segments as far as its data is weak.
# MAGIC Green: the truth of these users.

# COMMAND ----------

is_coupon = (results["metric"] == "conversion") & (results["variant"] == "coupon")
by_segment = results[is_coupon & (results["segment"] != "all")].set_index("segment")
by_segment["truth"] = users.groupby("segment")["effect"].mean()
by_segment[["n_users", "difference", "shrunk_difference", "truth", "verdict"]].round(4)

# COMMAND ----------

rows = [whole[whole["variant"] == "coupon"].iloc[0].rename("all"), *(row for _, row in by_segment.iterrows())]
figure = Figure(figsize=(8, 2.5), layout="constrained")
axes = figure.subplots()
for place, row in enumerate(rows):
    axes.plot([row["ci_low"], row["ci_high"]], [place, place], color="grey", marker="|")
    axes.plot(row["difference"], place, "o", color="grey")
    axes.plot(row.get("shrunk_difference", math.nan), place + 0.2, "D", color="tab:blue")
    axes.plot(row.get("truth", truth["conversion"]), place, "|", color="tab:green", markersize=16, markeredgewidth=3)
axes.axvline(0, color="black", linewidth=0.8)
axes.set(yticks=range(len(rows)), yticklabels=[row.name for row in rows], ylim=(-0.5, len(rows) - 0.5))
axes.set(xlabel="coupon less control, 95 % interval")
figure

# COMMAND ----------

# MAGIC %md
# MAGIC ## The campaigns of this warehouse
# MAGIC
# MAGIC `judge_experiments` reads every campaign so. Where nobody was held out there is no effect to see, and the row says so.

# COMMAND ----------

judged = store.read(EXPERIMENT_RESULTS).where("segment = 'all'")
judged.groupBy("role", "verdict").agg(F.count_distinct("campaign_id").alias("campaigns"), F.min("reason").alias("for example")).toPandas()

# COMMAND ----------

primary = judged.where("role = 'primary'").orderBy(F.desc("n_users"), "campaign_id", "variant")
primary.select("campaign_id", "metric", "comparison", "n_users", "value", "difference", "ci_low", "ci_high", "verdict").limit(15).toPandas()

# COMMAND ----------

# MAGIC %md
# MAGIC Without a holdout there are comparisons with others like them, beside placebo weeks at whose beginning nothing began. They are no
# MAGIC experiments: an effect no larger than the largest placebo is none. Campaigns are named in the setting `effects.campaigns`.

# COMMAND ----------

real = store.read(CAMPAIGN_EFFECTS).where("origin = 0").orderBy("campaign_id", "metric", "method")
real.select("campaign_id", "metric", "method", "effect", "ci_low", "ci_high", "placebo_p_value", "largest_placebo", "bears").toPandas()
