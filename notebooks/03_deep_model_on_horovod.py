# Databricks notebook source
# MAGIC %md
# MAGIC # 3. A deep model on Horovod
# MAGIC
# MAGIC `mf_bpr` learns factors by ranking. Its training data is laid out as Parquet files that Petastorm reads; each rank is a Spark task
# MAGIC that sees its share of every batch, and Horovod averages the gradients. One loop serves one rank or many, on CPU or GPU.
# MAGIC
# MAGIC This needs executors: it runs on a cluster or on a laptop, not through Spark Connect.

# COMMAND ----------

# MAGIC %matplotlib inline

# COMMAND ----------

import tempfile

import pandas as pd

from mapping_spark.notebook import open_warehouse, parameter
from mapping_spark.prompt import History
from mapping_spark.tables.silver import EVENTS

settings, as_of, store = open_warehouse(parameter("env", "demo"), parameter("as_of", ""), parameter("root", ""))
history = History.of(store.read(EVENTS), as_of, config=settings.interactions)
history

# COMMAND ----------

# MAGIC %md
# MAGIC ## Train
# MAGIC
# MAGIC With the environment's own settings, and so many ranks and epochs as the parameters say. The weights lie in a folder of their own,
# MAGIC as plain tensors; where the workers are other machines, give one that all of them see.

# COMMAND ----------

folder = parameter("folder", "") or tempfile.mkdtemp(prefix="deep-")
ranks, epochs = int(parameter("ranks", "2")), int(parameter("epochs", "2"))
training = settings.training.model_copy(update={"ranks": ranks, "epochs": epochs})
deep = history.train("mf_bpr", folder, training, **settings.models["mf_bpr"].model_dump(exclude_unset=True))
deep

# COMMAND ----------

# MAGIC %md
# MAGIC ## How it went
# MAGIC
# MAGIC The loss of each epoch over all ranks, how many rows went through per second, and what share of the time rank 0 waited for data.

# COMMAND ----------

epochs_run = pd.DataFrame(deep.epochs)[["epoch", "loss", "gradient_norm", "seconds", "samples_per_second", "waiting_share"]]
epochs_run

# COMMAND ----------

axes = epochs_run.plot(x="epoch", y="loss", marker="o", legend=False, figsize=(6, 3), ylabel="loss", xticks=epochs_run["epoch"])

# COMMAND ----------

# MAGIC %md
# MAGIC ## Worth it?
# MAGIC
# MAGIC From here on it is a model like the others: it recommends, knows items that are alike, and is judged on the same users.

# COMMAND ----------

crowd = history.fit("popularity", window_days=30)
judged = history.evaluate(crowd, deep, days=settings.evaluation.days, ks=settings.evaluation.ks)
judged.table("ndcg", k=settings.gate.k)

# COMMAND ----------

judged.picture("ndcg", k=settings.gate.k, protocol="new_items")
