# Databricks notebook source
# MAGIC %md
# MAGIC # 7. Attribution
# MAGIC
# MAGIC Which channel gets the credit for an order? Eight methods, side by side; each gives every order away exactly once.
# MAGIC
# MAGIC First on made-up journeys (`campaign/planted.py`) that walk a known chain: social starts half of them and never sells by itself,
# MAGIC mail and search sell. So the answer is known. Then on the orders of this warehouse.

# COMMAND ----------

# MAGIC %matplotlib inline

# COMMAND ----------

import pandas as pd
from pyspark.sql import functions as F

from mapping_spark.campaign.planted import CHAIN, planted_journeys
from mapping_spark.notebook import open_warehouse, parameter
from mapping_spark.tables.attribution import ATTRIBUTED_CONVERSIONS, CHANNEL_ATTRIBUTION
from mapping_spark.tables.frames import rows
from mapping_spark.tables.silver import EVENTS

settings, as_of, store = open_warehouse(parameter("env", "demo"), parameter("as_of", ""), parameter("root", ""))
n_journeys = int(parameter("journeys", "1000"))
events = rows(store.spark, EVENTS, *planted_journeys(n_journeys, as_of, seed=settings.seed))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Paths
# MAGIC
# MAGIC An order's path is its user's touches in the days before it, oldest first. Journeys that no order followed are kept as well: what
# MAGIC ends in nothing says as much about a channel.

# COMMAND ----------

from mapping_spark.campaign.attribution import build_attributed, orders, paths, touches
from mapping_spark.campaign.channels import build_channels, lost_paths

config = settings.attribution
touched = touches(events, as_of, config)
journeys = paths(orders(events, as_of, config), touched, config).persist()
lost = lost_paths(journeys, touched, as_of, config)
ends = journeys.select("path", F.lit("order").alias("end")).unionByName(lost.select("path", F.lit("nothing").alias("end")))
by_path = ends.groupBy(F.concat_ws(" > ", "path.channel").alias("path")).pivot("end", ["order", "nothing"]).count().fillna(0)
by_path.orderBy(F.desc("order"), "path").toPandas()

# COMMAND ----------

# MAGIC %md
# MAGIC ## All methods side by side
# MAGIC
# MAGIC Rules look at one order at a time (last touch, first touch, equal parts, by position, by age); Markov's removal effect and Shapley's
# MAGIC value look at all journeys together. Orders credited:

# COMMAND ----------

attributed = build_attributed(journeys, config).persist()
channels = build_channels(attributed, journeys, lost, config, as_of=as_of, seed=settings.seed).toPandas()
credit = channels.pivot(index="channel", columns="method", values="conversions").fillna(0).astype(float)
credit

# COMMAND ----------

# MAGIC %md
# MAGIC ## Sums are exact
# MAGIC
# MAGIC Credits and money are parted in ten-thousandths, the rest by largest remainder: every method sums to the orders and to what they
# MAGIC brought, to the last digit.

# COMMAND ----------

sold = journeys.agg(F.count("*").alias("conversions"), F.sum("value").alias("revenue")).toPandas()
sums = channels.groupby("method")[["conversions", "revenue"]].sum()
pd.concat([sums, sold.set_index(pd.Index(["(sold)"]))])

# COMMAND ----------

# MAGIC %md
# MAGIC ## Markov against last touch, and the truth
# MAGIC
# MAGIC The removal effect is the share of orders that would be lost without the channel. Counted from the journeys it must come near
# MAGIC the one of the chain they walked. Social sells nothing itself, so last touch sees nothing in it; yet without it many of the
# MAGIC journeys that mail and search end would never begin.

# COMMAND ----------

from mapping_spark.campaign.markov_attribution import removal_effects

effects = pd.Series(removal_effects(CHAIN), name="truth").to_frame()
effects["counted"] = channels[channels["method"] == "markov_1"].set_index("channel")["removal_effect"]
effects["share by Markov"] = credit["markov_1"] / credit["markov_1"].sum()
effects["share by last touch"] = credit["last"] / credit["last"].sum()
effects.round(3)

# COMMAND ----------

axes = credit.T.plot.barh(stacked=True, figsize=(8, 3.5), xlabel="orders", ylabel="", width=0.8)
axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
axes.figure.tight_layout()

# COMMAND ----------

# MAGIC %md
# MAGIC ## The orders of this warehouse
# MAGIC
# MAGIC What `attribute_conversions` wrote. Orders that no touch came before are `(unattributed)` under every method; where there is one
# MAGIC channel only, all methods agree.

# COMMAND ----------

found = store.read(CHANNEL_ATTRIBUTION).toPandas()
found.pivot(index="channel", columns="method", values="conversions")

# COMMAND ----------

found.groupby("method")[["conversions", "revenue"]].sum()

# COMMAND ----------

# MAGIC %md
# MAGIC The most frequent paths, by campaign: what people had been sent before they bought.

# COMMAND ----------

credited = store.read(ATTRIBUTED_CONVERSIONS).where("method = 'linear'")
step = F.struct("position", F.coalesce("campaign_id", "channel").alias("name"))
by_order = credited.groupBy("conversion_id").agg(F.sort_array(F.collect_list(step)).alias("steps"), F.sum("revenue").alias("revenue"))
named = by_order.groupBy(F.concat_ws(" > ", "steps.name").alias("path"))
named.agg(F.count("*").alias("orders"), F.sum("revenue").alias("revenue")).orderBy(F.desc("orders"), "path").limit(10).toPandas()
