# Databricks notebook source
# MAGIC %md
# MAGIC # 8. Whom to send what next
# MAGIC
# MAGIC Not who will buy, but who will buy because of the coupon. Learners of that effect, how well they rank, a plan under a budget, and
# MAGIC what the plan would have brought, told before anything is sent.
# MAGIC
# MAGIC The users are made up (`campaign/planted.py`): the effect on each is known, and some are put off. The end reads the warehouse.

# COMMAND ----------

# MAGIC %matplotlib inline

# COMMAND ----------

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from pyspark.ml.functions import array_to_vector
from pyspark.sql import functions as F

from mapping_spark.campaign.planted import planted_users
from mapping_spark.notebook import open_warehouse, parameter

settings, as_of, store = open_warehouse(parameter("env", "demo"), parameter("as_of", ""), parameter("root", ""))

# COMMAND ----------

users = planted_users(int(parameter("users", "12000")), seed=settings.seed)
users = users[users["variant"] != "letter"].reset_index(drop=True)
users["is_new"], users["is_regular"] = (users["segment"] == "new") * 1.0, (users["segment"] == "regular") * 1.0
users.head(3)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Learn the effect
# MAGIC
# MAGIC Each learner sees what was known before: thrift, loyalty, segment. Every user is scored by models that have not seen him.
# MAGIC `two_model`: one model of those who got the coupon, one of the others. `dr_learner`: the doubly robust effect, regressed.

# COMMAND ----------

from mapping_spark.campaign.base_learners import BaseLearner
from mapping_spark.campaign.uplift import cross_fit

known = ("thrift", "loyalty", "is_new", "is_regular")
frame = store.spark.createDataFrame(users[["user_id", "segment", "variant", "is_converted", *known]])
arms = {"is_treated": (F.col("variant") == "coupon").cast("int"), "outcome": F.col("is_converted").cast("double")}
inputs = arms | {"propensity": F.lit(0.5), "features": array_to_vector(F.array(*known))}
ready = frame.withColumns(inputs).repartition(2, "user_id").persist()
base = BaseLearner(seed=settings.seed)
learners = parameter("learners", "two_model,dr_learner").split(",")
scored = {name: cross_fit(ready, name, base, n_folds=2).out_of_fold(ready).select("user_id", "uplift").persist() for name in learners}
scores = {name: of.toPandas().set_index("user_id")["uplift"].reindex(users["user_id"]).to_numpy() for name, of in scored.items()}

# COMMAND ----------

# MAGIC %md
# MAGIC ## How well do they rank?
# MAGIC
# MAGIC The Qini curve: users best first, and what the coupon brought among the first so many. The straight line is what choosing by
# MAGIC chance brings; the area above it is the Qini coefficient, with its bootstrap interval. `(truth)` ranks by the planted effect.

# COMMAND ----------

from mapping_spark.campaign.qini import Ranked, qini, qini_curve, with_interval

is_treated, outcome, numbers = (users["variant"] == "coupon").to_numpy(), users["is_converted"].to_numpy(float), np.arange(len(users))
ranked = {name: Ranked(numbers, score, is_treated, outcome) for name, score in (scores | {"(truth)": users["effect"].to_numpy()}).items()}
sums = {name: one.sums(settings.seed, 100) for name, one in ranked.items()}
judged = pd.DataFrame([with_interval(qini, of) for of in sums.values()], index=list(sums))
judged

# COMMAND ----------

figure = Figure(figsize=(7, 4), layout="constrained")
axes = figure.subplots()
for name, of in sums.items():
    share, gain = qini_curve(of[:, :, :1])
    axes.plot(share[:, 0], gain[:, 0], label=name)
axes.plot([0, 1], [0, gain[-1, 0]], color="grey", linestyle="--", label="by chance")
axes.set(title="Qini curve", xlabel="share of users sent the coupon, best first", ylabel="conversions won per user with a coupon")
axes.legend(frameon=False)
figure

# COMMAND ----------

# MAGIC %md
# MAGIC ## Is the number right, too?
# MAGIC
# MAGIC By decile of the score: the effect predicted, and the one seen, with its interval. A plan needs the number, not only the order.

# COMMAND ----------

best = learners[-1]
found = ranked[best].calibration(10)
around = [found.observed_B - found.ci_low_B, found.ci_high_B - found.observed_B]
figure = Figure(figsize=(5, 4), layout="constrained")
axes = figure.subplots()
axes.errorbar(found.predicted_B, found.observed_B, yerr=around, fmt="o")
axes.plot(found.predicted_B, found.predicted_B, color="grey", linestyle="--")
axes.set(title=f"Deciles of {best}", xlabel="predicted effect", ylabel="seen effect, 95 % interval")
figure

# COMMAND ----------

# MAGIC %md
# MAGIC ## A plan under a budget
# MAGIC
# MAGIC A conversion is worth 20, a coupon costs 1, there is money for a fifth of the users, and at most an eighth of them may be new. No
# MAGIC plan can gain more than the bound (by the linear programme's prices); the gap is what this one may have left.

# COMMAND ----------

from mapping_spark.campaign.targeting import Caps, plan

offer = {"campaign_id": F.lit("coupon"), "channel": F.lit("mail"), "value": F.lit(20.0), "cost": F.lit(1.0)}
offers = scored[best].join(ready.select("user_id", "segment"), on="user_id", how="inner").withColumns(offer)
planned = plan(offers, Caps(budget=len(users) / 5, by_segment={"new": len(users) // 8}))
chosen = users["user_id"].isin(planned.chosen.toPandas()["user_id"])
pd.Series({"users": int(chosen.sum()), "cost": planned.cost, "gain": planned.gain, "bound": planned.bound, "gap": planned.gap})

# COMMAND ----------

# MAGIC %md
# MAGIC ## What would it have brought?
# MAGIC
# MAGIC The log of the experiment tells: users who by chance were given what the plan would give stand for the others (inverse propensity,
# MAGIC plain and normalised; doubly robust starts from modelled outcomes and weighs only what they miss). Below stands the truth, and
# MAGIC what chance would have done with the same number of coupons.

# COMMAND ----------

from mapping_spark.campaign.off_policy import policy_sums
from mapping_spark.campaign.uplift import cross_fit_with, untreated
from mapping_spark.tables.measures import measure
from mapping_spark.tables.uplift import PLAN_VALUES, TARGETING_SUMMARY, UPLIFT_METRICS

at_rest = cross_fit_with(ready, untreated, base, n_folds=2).out_of_fold(ready, "if_not")
outcomes = {"campaign_id": F.lit("coupon"), "if_treated": F.col("if_not") + F.col("uplift")}
log = at_rest.join(scored[best], on="user_id", how="inner").withColumns(outcomes)
value = measure(policy_sums(log, planned.chosen), PLAN_VALUES).toPandas().iloc[0]
estimates = {name: value[[name, f"{name}_low", f"{name}_high"]].to_numpy() for name in ("ips", "snips", "doubly_robust")}
pd.DataFrame(estimates, index=["conversions per user", "low", "high"]).T.astype(float).round(4)

# COMMAND ----------

without = (0.2 + 0.1 * users["loyalty"]).mean()
by_plan, by_chance = (users["effect"] * chosen).mean(), users["effect"].mean() * chosen.mean()
pd.Series({"nobody": without, "by chance": without + by_chance, "by the plan": without + by_plan}, name="conversions per user").round(4)

# COMMAND ----------

# MAGIC %md
# MAGIC ## The campaigns of this warehouse
# MAGIC
# MAGIC `score_uplift` and `plan_targeting` do the same for every ended campaign that held users out. Where none did, there are no rows.

# COMMAND ----------

store.read(UPLIFT_METRICS).where(F.col("as_of_date") == F.lit(as_of)).orderBy("campaign_id", "metric").toPandas()

# COMMAND ----------

store.read(TARGETING_SUMMARY).where(F.col("as_of_date") == F.lit(as_of)).toPandas()

# COMMAND ----------

measure(store.read(PLAN_VALUES).where(F.col("as_of_date") == F.lit(as_of)), PLAN_VALUES, "campaign_id").toPandas()
