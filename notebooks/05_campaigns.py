# Databricks notebook source
# MAGIC %md
# MAGIC # 5. Campaigns and KPIs
# MAGIC
# MAGIC What a campaign's audience did, as sums that add up. A ratio is never stored: it is declared once, as a measure over the sums, so
# MAGIC that it is right at every roll-up, and its 95 % interval follows from the stored sums.

# COMMAND ----------

# MAGIC %matplotlib inline

# COMMAND ----------

from pyspark.sql import functions as F

from mapping_spark.notebook import open_warehouse, parameter
from mapping_spark.tables.gold import CAMPAIGN_DAILY_KPIS, CAMPAIGN_KPIS
from mapping_spark.tables.measures import measure
from mapping_spark.tables.silver import CAMPAIGNS

settings, as_of, store = open_warehouse(parameter("env", "demo"), parameter("as_of", ""), parameter("root", ""))
kpis = store.read(CAMPAIGN_KPIS)

# COMMAND ----------

by_campaign = measure(kpis, CAMPAIGN_KPIS, "campaign_id").join(store.read(CAMPAIGNS), on="campaign_id", how="left")
shown = ["campaign_id", "campaign_type", "n_users", "n_conversions", "redemption_rate", "revenue", "revenue_per_user", "roi"]
campaigns = by_campaign.orderBy(F.desc("n_users"), "campaign_id").toPandas()
campaigns[shown]

# COMMAND ----------

# MAGIC %md
# MAGIC ## How sure
# MAGIC
# MAGIC Share of the audience that redeemed, with Wilson intervals. There is no control group here: none of this is an effect.

# COMMAND ----------

ordered = campaigns.sort_values("redemption_rate")
around = [ordered["redemption_rate"] - ordered["redemption_rate_low"], ordered["redemption_rate_high"] - ordered["redemption_rate"]]
axes = ordered.plot.barh(x="campaign_id", y="redemption_rate", xerr=around, legend=False, figsize=(8, 1 + 0.25 * len(ordered)))
axes.set(xlabel="share of the audience that redeemed, 95 % interval", ylabel="campaign")
axes.figure.tight_layout()

# COMMAND ----------

# MAGIC %md
# MAGIC ## The same measures at another roll-up
# MAGIC
# MAGIC Sums first, then the ratio: by segment of the households, and over everything.

# COMMAND ----------

ratios = ["n_users", "redemption_rate", "redemption_rate_low", "redemption_rate_high", "revenue_per_user", "roi"]
measure(kpis, CAMPAIGN_KPIS, "segment").orderBy(F.desc("n_users"), "segment").select("segment", *ratios).toPandas()

# COMMAND ----------

measure(kpis, CAMPAIGN_KPIS).select(*ratios).toPandas()

# COMMAND ----------

# MAGIC %md
# MAGIC ## Day by day
# MAGIC
# MAGIC Sales of the campaigns' items to their audiences, five largest campaigns.

# COMMAND ----------

largest = list(campaigns.sort_values("revenue", ascending=False)["campaign_id"].head(5))
daily = store.read(CAMPAIGN_DAILY_KPIS).where(F.col("campaign_id").isin(largest))
days = daily.groupBy("date", "campaign_id").agg(F.sum("revenue").cast("double").alias("revenue")).toPandas()
lines = days.pivot(index="date", columns="campaign_id", values="revenue").sort_index()
axes = lines.plot(figsize=(9, 3.5), marker=".", ylabel="revenue per day")
