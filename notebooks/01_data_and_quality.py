# Databricks notebook source
# MAGIC %md
# MAGIC # 1. The data and its quality
# MAGIC
# MAGIC Raw records come in as text and are judged one by one: clean, duplicate, rejected or late. Nothing is dropped in silence.
# MAGIC This notebook shows where every record went, what the shop looks like day by day, and what each table looked like on each run.
# MAGIC
# MAGIC It reads the tables that the jobs wrote (`make demo`). Parameters: the environment, the date, and the folder of the tables.

# COMMAND ----------

# MAGIC %matplotlib inline

# COMMAND ----------

from pyspark.sql import functions as F

from mapping_spark.notebook import open_warehouse, parameter
from mapping_spark.tables.measures import measure
from mapping_spark.tables.ops import EVENT_ACCOUNTING, TABLE_DRIFT, TABLE_PROFILE
from mapping_spark.tables.silver import EVENTS, QUARANTINE

settings, as_of, store = open_warehouse(parameter("env", "demo"), parameter("as_of", ""), parameter("root", ""))
print(f"{store.root} as of {as_of}")

# COMMAND ----------

# MAGIC %md
# MAGIC ## Where every record went
# MAGIC
# MAGIC In each row, what came in equals clean + duplicate + quarantined + late. A run that breaks this sum fails.

# COMMAND ----------

counts = ["n_in", "n_clean", "n_duplicate", "n_quarantined", "n_late"]
store.read(EVENT_ACCOUNTING).groupBy("source").agg(*(F.sum(name).alias(name) for name in counts)).orderBy(F.desc("n_in")).toPandas()

# COMMAND ----------

# MAGIC %md
# MAGIC Rejected records stay in `silver.quarantine` as they were delivered, each with all its reasons.

# COMMAND ----------

store.read(QUARANTINE).groupBy("source", "reason_codes", "reason").count().orderBy(F.desc("count"), "reason_codes").limit(10).toPandas()

# COMMAND ----------

# MAGIC %md
# MAGIC ## Day by day
# MAGIC
# MAGIC Business days, in the declared time zone. The models of this date see only what lies left of the line.

# COMMAND ----------

daily = store.read(EVENTS).groupBy("event_date").agg(F.count("*").alias("events"), F.count_distinct("user_id").alias("users"))
days = daily.orderBy("event_date").toPandas().set_index("event_date")
axes = days.plot(subplots=True, figsize=(9, 4), sharex=True, title=["Events per day", "Users per day"], legend=False)
for one in axes:
    one.axvline(as_of, color="grey", linestyle="--")
    one.set_xlabel("")

# COMMAND ----------

# MAGIC %md
# MAGIC ## What the tables look like
# MAGIC
# MAGIC Every run profiles every table. Columns with nulls, most first, as the latest run saw them: each null has a declared meaning
# MAGIC (`mapping-spark tables silver.events`).

# COMMAND ----------

profile = store.read(TABLE_PROFILE).where(F.col("as_of_date") == F.lit(as_of))
nulls = measure(profile, TABLE_PROFILE, "table_name", "column_name").where("null_share > 0")
nulls.select("table_name", "column_name", "n_rows", "null_share").orderBy(F.desc("null_share"), "table_name", "column_name").limit(
    15
).toPandas()

# COMMAND ----------

# MAGIC %md
# MAGIC ## What drifted
# MAGIC
# MAGIC Limits are declared beside each table; `warn` is told, `stop` ends the job before anything is built on it.

# COMMAND ----------

drift = store.read(TABLE_DRIFT).where(F.col("as_of_date") == F.lit(as_of))
drift.groupBy("verdict").count().orderBy("verdict").toPandas()

# COMMAND ----------

left = drift.where("verdict IN ('warn', 'stop')")
left.select("table_name", "column_name", "measure", "baseline", "value", "bounds", "verdict").orderBy(
    "table_name", "column_name"
).toPandas()
