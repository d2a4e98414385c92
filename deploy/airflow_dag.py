"""Made by `mapping-spark graph --format airflow` from the declared jobs; not edited by hand."""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

PROJECT = "/opt/mapping_spark"
SUBMIT = "spark-submit --properties-file conf/spark-defaults.conf jobs/JOB.py --env prod --as-of {{ ds }}"


def submit(job: str) -> BashOperator:
    """A job by spark-submit; its exit code says why it failed (README)."""
    return BashOperator(task_id=job, bash_command=SUBMIT.replace("JOB", job), cwd=PROJECT)


with DAG(
    dag_id="mapping_spark",
    schedule="@daily",
    start_date=datetime(2024, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5), "retry_exponential_backoff": True},
) as dag:
    tasks = {}
    tasks["build_campaign_items"] = submit("build_campaign_items")
    tasks["build_campaigns"] = submit("build_campaigns")
    tasks["build_items"] = submit("build_items")
    tasks["ingest_events"] = submit("ingest_events")
    tasks["clean_events"] = submit("clean_events")
    tasks["build_campaign_audience"] = submit("build_campaign_audience")
    tasks["build_item_ids"] = submit("build_item_ids")
    tasks["build_user_ids"] = submit("build_user_ids")
    tasks["build_interactions"] = submit("build_interactions")
    tasks["build_users"] = submit("build_users")
    tasks["campaign_daily_kpis"] = submit("campaign_daily_kpis")
    tasks["build_snapshot"] = submit("build_snapshot")
    tasks["campaign_outcomes"] = submit("campaign_outcomes")
    tasks["profile_tables"] = submit("profile_tables")
    tasks["campaign_kpis"] = submit("campaign_kpis")
    tasks["train_deep"] = submit("train_deep")
    tasks["fit_models"] = submit("fit_models")
    tasks["evaluate_models"] = submit("evaluate_models")
    tasks["find_similar_items"] = submit("find_similar_items")
    tasks["publish_user_vectors"] = submit("publish_user_vectors")
    tasks["promote_models"] = submit("promote_models")
    tasks["recommend"] = submit("recommend")
    tasks["profile_recommendations"] = submit("profile_recommendations")
    tasks["ingest_events"] >> tasks["clean_events"]
    tasks["clean_events"] >> tasks["build_campaign_audience"]
    tasks["clean_events"] >> tasks["build_item_ids"]
    tasks["clean_events"] >> tasks["build_user_ids"]
    tasks["build_item_ids"] >> tasks["build_interactions"]
    tasks["build_user_ids"] >> tasks["build_interactions"]
    tasks["clean_events"] >> tasks["build_interactions"]
    tasks["build_user_ids"] >> tasks["build_users"]
    tasks["build_campaign_audience"] >> tasks["campaign_daily_kpis"]
    tasks["build_campaign_items"] >> tasks["campaign_daily_kpis"]
    tasks["build_campaigns"] >> tasks["campaign_daily_kpis"]
    tasks["clean_events"] >> tasks["campaign_daily_kpis"]
    tasks["build_interactions"] >> tasks["build_snapshot"]
    tasks["build_item_ids"] >> tasks["build_snapshot"]
    tasks["build_user_ids"] >> tasks["build_snapshot"]
    tasks["clean_events"] >> tasks["build_snapshot"]
    tasks["build_campaign_audience"] >> tasks["campaign_outcomes"]
    tasks["build_campaign_items"] >> tasks["campaign_outcomes"]
    tasks["build_campaigns"] >> tasks["campaign_outcomes"]
    tasks["build_users"] >> tasks["campaign_outcomes"]
    tasks["clean_events"] >> tasks["campaign_outcomes"]
    tasks["build_interactions"] >> tasks["profile_tables"]
    tasks["build_items"] >> tasks["profile_tables"]
    tasks["build_users"] >> tasks["profile_tables"]
    tasks["clean_events"] >> tasks["profile_tables"]
    tasks["campaign_outcomes"] >> tasks["campaign_kpis"]
    tasks["build_snapshot"] >> tasks["train_deep"]
    tasks["build_interactions"] >> tasks["fit_models"]
    tasks["build_item_ids"] >> tasks["fit_models"]
    tasks["build_items"] >> tasks["fit_models"]
    tasks["build_snapshot"] >> tasks["fit_models"]
    tasks["build_user_ids"] >> tasks["fit_models"]
    tasks["clean_events"] >> tasks["fit_models"]
    tasks["train_deep"] >> tasks["fit_models"]
    tasks["build_interactions"] >> tasks["evaluate_models"]
    tasks["build_item_ids"] >> tasks["evaluate_models"]
    tasks["build_items"] >> tasks["evaluate_models"]
    tasks["build_snapshot"] >> tasks["evaluate_models"]
    tasks["build_user_ids"] >> tasks["evaluate_models"]
    tasks["clean_events"] >> tasks["evaluate_models"]
    tasks["fit_models"] >> tasks["evaluate_models"]
    tasks["train_deep"] >> tasks["evaluate_models"]
    tasks["build_item_ids"] >> tasks["find_similar_items"]
    tasks["fit_models"] >> tasks["find_similar_items"]
    tasks["build_user_ids"] >> tasks["publish_user_vectors"]
    tasks["fit_models"] >> tasks["publish_user_vectors"]
    tasks["evaluate_models"] >> tasks["promote_models"]
    tasks["fit_models"] >> tasks["promote_models"]
    tasks["build_interactions"] >> tasks["recommend"]
    tasks["build_item_ids"] >> tasks["recommend"]
    tasks["build_items"] >> tasks["recommend"]
    tasks["build_user_ids"] >> tasks["recommend"]
    tasks["build_users"] >> tasks["recommend"]
    tasks["clean_events"] >> tasks["recommend"]
    tasks["evaluate_models"] >> tasks["recommend"]
    tasks["find_similar_items"] >> tasks["recommend"]
    tasks["fit_models"] >> tasks["recommend"]
    tasks["promote_models"] >> tasks["recommend"]
    tasks["recommend"] >> tasks["profile_recommendations"]
