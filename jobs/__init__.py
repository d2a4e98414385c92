"""One file per output table (or per step of a model): `spark-submit jobs/<name>.py --env demo --as-of 2017-12-01`."""
