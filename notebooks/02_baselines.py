# Databricks notebook source
# MAGIC %md
# MAGIC # 2. Baselines: fit, recommend, look at one household
# MAGIC
# MAGIC A model turns users and items into vectors; a recommendation is an item whose vector is near the user's. Three baselines:
# MAGIC what everyone takes now (`popularity`), what the household takes anyway (`repeat`), and taste by matrix factorisation (`als`).
# MAGIC
# MAGIC The same lines work on any table with `user_id`, `item_id` and `event_at`, in Spark or pandas.

# COMMAND ----------

# MAGIC %matplotlib inline

# COMMAND ----------

from pyspark.sql import functions as F

from mapping_spark.notebook import open_warehouse, parameter
from mapping_spark.prompt import History
from mapping_spark.tables.silver import EVENTS, ITEMS

settings, as_of, store = open_warehouse(parameter("env", "demo"), parameter("as_of", ""), parameter("root", ""))
events, items = store.read(EVENTS), store.read(ITEMS)
history = History.of(events, as_of, items=items, config=settings.interactions)
history

# COMMAND ----------

# MAGIC %md
# MAGIC ## Fit

# COMMAND ----------

crowd = history.fit("popularity", window_days=30)
habit = history.fit("repeat")
taste = history.fit("als", rank=32)
print(crowd, habit, taste, sep="\n")

# COMMAND ----------

# MAGIC %md
# MAGIC ## One household
# MAGIC
# MAGIC The one that chose the most different things, or the one named by the parameter `user`. First, what it chose before the date.

# COMMAND ----------

busiest = history.data.interactions.groupBy("user_id").count().orderBy(F.desc("count"), "user_id").first()
user = parameter("user", "") or busiest["user_id"]
titles = items.select("item_id", F.initcap("title").alias("title"), "category")
chosen = history.data.interactions.where(F.col("user_id") == user).join(titles, on="item_id", how="left")
chosen.select("item_id", "title", "n_events", "last_at", "weight").orderBy(F.desc("weight")).limit(10).toPandas()

# COMMAND ----------

# MAGIC %md
# MAGIC What `als` would show it that it has never had, and what it is offered by habit.

# COMMAND ----------

new = taste.recommend([user], k=10, exclude_seen=True).join(titles, on="item_id", how="left")
new.select("rank", "item_id", "title", "category", "score").orderBy("rank").toPandas()

# COMMAND ----------

again = habit.recommend([user], k=10).join(titles, on="item_id", how="left")
again.select("rank", "item_id", "title", "category", "score").orderBy("rank").toPandas()

# COMMAND ----------

# MAGIC %md
# MAGIC ## Items that are alike
# MAGIC
# MAGIC By the taste of those who chose them: near in the space of the factors.

# COMMAND ----------

favourite = chosen.orderBy(F.desc("weight")).first()["item_id"]
near = taste.similar_items([favourite], k=8).join(titles.withColumnRenamed("item_id", "similar_item_id"), on="similar_item_id", how="left")
near.select("item_id", "rank", "similar_item_id", "title", "score").orderBy("rank").toPandas()

# COMMAND ----------

# MAGIC %md
# MAGIC ## Judged by what came next
# MAGIC
# MAGIC By the days from the date on, with 95 % bootstrap intervals over users: everything chosen counts (`all_items`), or only what is
# MAGIC new to the user (`new_items`).

# COMMAND ----------

judged = history.evaluate(crowd, habit, taste, days=settings.evaluation.days, ks=settings.evaluation.ks)
judged.table("ndcg", k=settings.gate.k)

# COMMAND ----------

judged.picture("ndcg", k=settings.gate.k, protocol="all_items")
