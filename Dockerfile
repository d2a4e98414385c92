# One image for drivers and executors: docker build --build-arg VARIANT=cpu|gpu -t mapping-spark:0.1.0 .
#   cpu: Debian's compiler, Gloo between ranks.  gpu: NVIDIA's CUDA images, NCCL between ranks.
ARG VARIANT=cpu
ARG CUDA=13.0.1

FROM python:3.11-slim-bookworm AS base-cpu
ENV HOROVOD_GPU_OPERATIONS=

FROM nvidia/cuda:${CUDA}-cudnn-devel-ubuntu22.04 AS base-gpu
ENV HOROVOD_GPU_OPERATIONS=NCCL
RUN apt-get update && apt-get install -y --no-install-recommends python3.11 python3.11-venv python3.11-dev && rm -rf /var/lib/apt/lists/*

# Builds the environment, Horovod for torch included; none of its compilers is in the last stage of the CPU variant.
FROM base-${VARIANT} AS build
RUN apt-get update && apt-get install -y --no-install-recommends g++ make openjdk-17-jre-headless && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/mapping_spark
COPY pyproject.toml requirements.lock Makefile README.md ./
COPY tools tools
COPY mapping_spark mapping_spark
COPY jobs jobs
RUN make setup

FROM base-${VARIANT} AS run
RUN apt-get update && apt-get install -y --no-install-recommends openjdk-17-jre-headless tini \
    && rm -rf /var/lib/apt/lists/* && useradd --uid 185 --create-home spark
COPY --from=build --chown=spark /opt/mapping_spark /opt/mapping_spark
COPY --chown=spark conf /opt/mapping_spark/conf
ENV PATH=/opt/mapping_spark/.venv/bin:$PATH PYSPARK_PYTHON=/opt/mapping_spark/.venv/bin/python
ENV SPARK_HOME=/opt/mapping_spark/.venv/lib/python3.11/site-packages/pyspark
WORKDIR /opt/mapping_spark
USER 185
ENTRYPOINT ["tini", "--"]
CMD ["mapping-spark", "doctor"]
