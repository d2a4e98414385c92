.DEFAULT_GOAL := help
PYTHON ?= python3.11
BIN := .venv/bin
UV := $(BIN)/uv
export UV_PYTHON := $(BIN)/python

# One entry of requirements.lock with its hashes (to install uv first and Horovod last).
entry = awk '/^[^ \#]/ { keep = /^$(1)==/ } keep' requirements.lock
others = awk '/^[^ \#]/ { keep = !/^$(1)==/ } keep' requirements.lock

.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*/\1/p' $(MAKEFILE_LIST))

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/ready ## Create .venv from requirements.lock, Horovod's build included

.venv/ready: requirements.lock pyproject.toml tools/horovod/cxx17.cmake tools/class_archive.py
	@command -v $(PYTHON) >/dev/null || { echo "setup: $(PYTHON) not found; install Python 3.11 or say make PYTHON=/path/to/python3.11"; exit 3; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(call entry,uv) > .venv/uv.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/uv.txt
	$(call others,horovod) > .venv/packages.txt
	$(UV) pip install --quiet --require-hashes --no-deps -r .venv/packages.txt
	$(call entry,horovod) > .venv/horovod.txt
	@echo "setup: building Horovod (2 to 3 minutes the first time)"
	PATH="$(CURDIR)/$(BIN):$$PATH" CMAKE_TOOLCHAIN_FILE=$(CURDIR)/tools/horovod/cxx17.cmake CMAKE_POLICY_VERSION_MINIMUM=3.5 \
	HOROVOD_WITH_PYTORCH=1 HOROVOD_WITH_GLOO=1 HOROVOD_WITHOUT_MPI=1 HOROVOD_WITHOUT_TENSORFLOW=1 HOROVOD_WITHOUT_MXNET=1 MAKEFLAGS=-j2 \
	$(UV) pip install --quiet --require-hashes --no-build-isolation --no-deps -r .venv/horovod.txt
	$(UV) pip install --quiet --no-build-isolation --no-deps --editable .
	@$(MAKE) --no-print-directory delta-jars class-archive
	@touch $@

delta-jars: ## Put the Delta jar where Spark loads it from (also under spark-submit)
	@echo "setup: fetching the Delta jar"
	@touch .venv/empty.py
	@PATH="$(CURDIR)/$(BIN):$$PATH" spark-submit --packages $$($(BIN)/python -c "from mapping_spark.session import delta_coordinates as c; print(c())") \
	  --conf spark.jars.ivy=$(CURDIR)/.venv/ivy .venv/empty.py > .venv/delta-jars.log 2>&1 || { cat .venv/delta-jars.log; exit 3; }
	@cp .venv/ivy/jars/io.delta_*.jar $$($(BIN)/python -c "import pathlib, pyspark; print(pathlib.Path(pyspark.__file__).parent / 'jars')")

class-archive: ## Let Java keep the classes that Spark loads, so that every later start takes half as long
	@echo "setup: archiving Spark's classes"
	@$(BIN)/python tools/class_archive.py .venv/spark.jsa > .venv/class-archive.log 2>&1 || { cat .venv/class-archive.log; exit 3; }

demo: setup ## Run all jobs on The Complete Journey and show what came out
	@$(BIN)/mapping-spark demo

sql: setup ## Answer SQL of BI tools on 127.0.0.1 over the demo's tables (after make demo), until Ctrl-C
	@$(BIN)/mapping-spark sql

notebooks: setup ## Run every notebook over the demo's warehouse and render it to build/notebooks/
	@PYTHONPATH=. $(BIN)/python tools/notebooks.py build/notebooks notebooks/*.py

cluster-demo: setup ## Submit the same jobs to a Spark master and two workers on this machine (tables under build/cluster/)
	PYTHONPATH=. $(BIN)/python tools/cluster.py

package: setup ## Build the wheel and an archive of Python with all that workers need (build/)
	@PYTHONPATH=. $(BIN)/python tools/package.py build

test: setup lint ## Run the linters and every test
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 30

lint: setup ## ruff, mypy strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports --no-logo

format: setup ## Format the code and mend what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

tune: setup ## Choose model settings on November; writes benchmarks/results/tune.json
	$(BIN)/python benchmarks/tune.py

bench: setup ## Compare the top-k search with what a user would pick instead
	$(BIN)/python benchmarks/topk.py

bench-feed: setup ## Compare the feed with petastorm's loader and with pyarrow
	$(BIN)/python benchmarks/feed.py

bench-train: setup ## Compare ranks, libraries and a bare loop
	PYTHONPATH=. $(BIN)/python benchmarks/train.py

bench-deep: setup ## Train the deep models on public data (../shared/data or MAPPING_SPARK_DATA); budgets add up to 115 minutes
	PYTHONPATH=. $(BIN)/python benchmarks/deep.py

bench-metrics: setup ## Compare the metrics of a million users' lists with RePlay's (its Python in MAPPING_SPARK_REPLAY_PYTHON)
	PYTHONPATH=. $(BIN)/python benchmarks/metrics.py

bench-quality: setup ## Measure the models on public data beside published figures (../shared/data or MAPPING_SPARK_DATA)
	PYTHONPATH=. $(BIN)/python benchmarks/quality.py

bench-campaigns: setup ## Check campaign statistics on public data and planted truths (../shared/data or MAPPING_SPARK_DATA)
	PYTHONPATH=. $(BIN)/python benchmarks/campaigns.py

bench-experiment: setup ## Take a real experiment of 64,000 customers through the jobs (../shared/data or MAPPING_SPARK_DATA)
	PYTHONPATH=. $(BIN)/python benchmarks/experiment.py

bench-bi: setup ## Measure what a BI filter reads of 10 million rows, and how fast
	PYTHONPATH=. $(BIN)/python benchmarks/bi.py

graph: setup ## Write what schedulers read (deploy/) from the declared jobs
	$(BIN)/mapping-spark graph --format databricks > deploy/databricks.yml
	$(BIN)/mapping-spark graph --format airflow > deploy/airflow_dag.py
	$(BIN)/mapping-spark graph --format kubernetes > deploy/kubernetes.yaml

bench-uplift: setup ## Compare the uplift learners with scikit-learn's and scikit-uplift's (its Python in MAPPING_SPARK_SKLIFT_PYTHON)
	PYTHONPATH=. $(BIN)/python benchmarks/uplift.py

bench-kpis: setup ## Compare campaign KPIs of 10 million events with DuckDB, and after 1 % new data (../shared/data or MAPPING_SPARK_DATA)
	PYTHONPATH=. $(BIN)/python benchmarks/kpis.py

lock: ## Resolve pyproject.toml into requirements.lock (names, versions, hashes)
	$(UV) pip compile pyproject.toml --extra dev --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements.lock

clean: ## Delete the warehouse and every cache (not .venv)
	rm -rf warehouse spark-warehouse build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
