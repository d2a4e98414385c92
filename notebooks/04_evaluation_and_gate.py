# Databricks notebook source
# MAGIC %md
# MAGIC # 4. Evaluation and the gate
# MAGIC
# MAGIC Every configured model ranks for every user, all are judged on the same users in one pass, and a model goes out only where it
# MAGIC is better by rules with numbers. This notebook reads what `evaluate_models` and `promote_models` wrote.

# COMMAND ----------

# MAGIC %matplotlib inline

# COMMAND ----------

from pyspark.sql import functions as F

from mapping_spark.evaluation import pictures
from mapping_spark.notebook import open_warehouse, parameter
from mapping_spark.prompt import Judged
from mapping_spark.tables.gold import MODEL_METRICS, PROMOTIONS, RECOMMENDATIONS

settings, as_of, store = open_warehouse(parameter("env", "demo"), parameter("as_of", ""), parameter("root", ""))
of_date = F.col("as_of_date") == F.lit(as_of)
metrics = store.read(MODEL_METRICS).where(of_date).toPandas()
judged, gate = Judged(metrics), settings.gate
judged.table("ndcg", k=gate.k)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Who is best
# MAGIC
# MAGIC Grey are the baselines; the dashed line is the best of them. Where an interval reaches over it, nothing is proven by eye:
# MAGIC the gate compares on the same users.

# COMMAND ----------

judged.picture("ndcg", k=gate.k, protocol="all_items")

# COMMAND ----------

judged.picture("ndcg", k=gate.k, protocol="new_items")

# COMMAND ----------

# MAGIC %md
# MAGIC ## For whom, and at which length
# MAGIC
# MAGIC Users with a short history are the hard ones.

# COMMAND ----------

of_metric = metrics[(metrics["metric"] == "ndcg") & (metrics["protocol"] == "all_items")]
segments = of_metric[(of_metric["k"] == gate.k) & of_metric["segment"].str.startswith("items ")].sort_values("segment")
pictures.metric_by_segment(segments)

# COMMAND ----------

pictures.metric_against_k(of_metric[of_metric["segment"] == "all"])

# COMMAND ----------

# MAGIC %md
# MAGIC ## The gate
# MAGIC
# MAGIC One row per candidate: the verdict, the difference to the champion or the best baseline on the same users, and every rule that
# MAGIC decided with its number and its limit.

# COMMAND ----------

decided = store.read(PROMOTIONS).where(of_date).orderBy("decided_at", F.desc("verdict"), "model")
decided.select("model", "verdict", "metric", "delta", "ci_low", "ci_high", "reason").toPandas()

# COMMAND ----------

# MAGIC %md
# MAGIC ## What is shown now
# MAGIC
# MAGIC Which stage filled the slots, and why: every row of `gold.recommendations` says so.

# COMMAND ----------

shown = store.read(RECOMMENDATIONS).where(of_date)
shown.groupBy("model", "stage", "reason_code").count().orderBy(F.desc("count"), "stage", "reason_code").toPandas()
