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
    tasks["build_currency_rates"] = submit("build_currency_rates")
    tasks["build_external_assignments"] = submit("build_external_assignments")
    tasks["build_items"] = submit("build_items")
    tasks["ingest_events"] = submit("ingest_events")
    tasks["clean_events"] = submit("clean_events")
    tasks["attribute_conversions"] = submit("attribute_conversions")
    tasks["build_item_ids"] = submit("build_item_ids")
    tasks["build_user_ids"] = submit("build_user_ids")
    tasks["user_activity"] = submit("user_activity")
    tasks["build_interactions"] = submit("build_interactions")
    tasks["build_users"] = submit("build_users")
    tasks["assign_campaigns"] = submit("assign_campaigns")
    tasks["build_snapshot"] = submit("build_snapshot")
    tasks["profile_tables"] = submit("profile_tables")
    tasks["build_campaign_audience"] = submit("build_campaign_audience")
    tasks["train_deep"] = submit("train_deep")
    tasks["campaign_effects"] = submit("campaign_effects")
    tasks["campaign_outcomes"] = submit("campaign_outcomes")
    tasks["campaign_reach"] = submit("campaign_reach")
    tasks["fit_models"] = submit("fit_models")
    tasks["campaign_findings"] = submit("campaign_findings")
    tasks["campaign_funnel"] = submit("campaign_funnel")
    tasks["campaign_kpis"] = submit("campaign_kpis")
    tasks["evaluate_models"] = submit("evaluate_models")
    tasks["find_similar_items"] = submit("find_similar_items")
    tasks["publish_user_vectors"] = submit("publish_user_vectors")
    tasks["score_uplift"] = submit("score_uplift")
    tasks["sum_experiments"] = submit("sum_experiments")
    tasks["decide_campaigns"] = submit("decide_campaigns")
    tasks["forecast_campaigns"] = submit("forecast_campaigns")
    tasks["judge_experiments"] = submit("judge_experiments")
    tasks["plan_targeting"] = submit("plan_targeting")
    tasks["promote_models"] = submit("promote_models")
    tasks["publish_campaign_kpis"] = submit("publish_campaign_kpis")
    tasks["recommend"] = submit("recommend")
    tasks["campaign_hourly_kpis"] = submit("campaign_hourly_kpis")
    tasks["profile_recommendations"] = submit("profile_recommendations")
    tasks["recommendation_outcomes"] = submit("recommendation_outcomes")
    tasks["campaign_daily_kpis"] = submit("campaign_daily_kpis")
    tasks["campaign_daily_segment_kpis"] = submit("campaign_daily_segment_kpis")
    tasks["flag_anomalies"] = submit("flag_anomalies")
    tasks["forecast_kpis"] = submit("forecast_kpis")
    tasks["ingest_events"] >> tasks["clean_events"]
    tasks["build_currency_rates"] >> tasks["attribute_conversions"]
    tasks["clean_events"] >> tasks["attribute_conversions"]
    tasks["clean_events"] >> tasks["build_item_ids"]
    tasks["clean_events"] >> tasks["build_user_ids"]
    tasks["clean_events"] >> tasks["user_activity"]
    tasks["build_item_ids"] >> tasks["build_interactions"]
    tasks["build_user_ids"] >> tasks["build_interactions"]
    tasks["clean_events"] >> tasks["build_interactions"]
    tasks["build_user_ids"] >> tasks["build_users"]
    tasks["build_users"] >> tasks["assign_campaigns"]
    tasks["clean_events"] >> tasks["assign_campaigns"]
    tasks["build_interactions"] >> tasks["build_snapshot"]
    tasks["build_item_ids"] >> tasks["build_snapshot"]
    tasks["build_user_ids"] >> tasks["build_snapshot"]
    tasks["clean_events"] >> tasks["build_snapshot"]
    tasks["build_interactions"] >> tasks["profile_tables"]
    tasks["build_items"] >> tasks["profile_tables"]
    tasks["build_users"] >> tasks["profile_tables"]
    tasks["clean_events"] >> tasks["profile_tables"]
    tasks["assign_campaigns"] >> tasks["build_campaign_audience"]
    tasks["build_external_assignments"] >> tasks["build_campaign_audience"]
    tasks["clean_events"] >> tasks["build_campaign_audience"]
    tasks["build_snapshot"] >> tasks["train_deep"]
    tasks["build_campaign_audience"] >> tasks["campaign_effects"]
    tasks["build_campaign_items"] >> tasks["campaign_effects"]
    tasks["build_campaigns"] >> tasks["campaign_effects"]
    tasks["build_currency_rates"] >> tasks["campaign_effects"]
    tasks["clean_events"] >> tasks["campaign_effects"]
    tasks["build_campaign_audience"] >> tasks["campaign_outcomes"]
    tasks["build_campaign_items"] >> tasks["campaign_outcomes"]
    tasks["build_campaigns"] >> tasks["campaign_outcomes"]
    tasks["build_currency_rates"] >> tasks["campaign_outcomes"]
    tasks["build_users"] >> tasks["campaign_outcomes"]
    tasks["clean_events"] >> tasks["campaign_outcomes"]
    tasks["build_campaign_audience"] >> tasks["campaign_reach"]
    tasks["build_campaign_items"] >> tasks["campaign_reach"]
    tasks["build_campaigns"] >> tasks["campaign_reach"]
    tasks["build_currency_rates"] >> tasks["campaign_reach"]
    tasks["build_users"] >> tasks["campaign_reach"]
    tasks["clean_events"] >> tasks["campaign_reach"]
    tasks["build_interactions"] >> tasks["fit_models"]
    tasks["build_item_ids"] >> tasks["fit_models"]
    tasks["build_items"] >> tasks["fit_models"]
    tasks["build_snapshot"] >> tasks["fit_models"]
    tasks["build_user_ids"] >> tasks["fit_models"]
    tasks["clean_events"] >> tasks["fit_models"]
    tasks["train_deep"] >> tasks["fit_models"]
    tasks["build_campaigns"] >> tasks["campaign_findings"]
    tasks["campaign_outcomes"] >> tasks["campaign_findings"]
    tasks["build_campaign_audience"] >> tasks["campaign_funnel"]
    tasks["campaign_outcomes"] >> tasks["campaign_funnel"]
    tasks["campaign_outcomes"] >> tasks["campaign_kpis"]
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
    tasks["build_campaigns"] >> tasks["score_uplift"]
    tasks["build_currency_rates"] >> tasks["score_uplift"]
    tasks["campaign_outcomes"] >> tasks["score_uplift"]
    tasks["clean_events"] >> tasks["score_uplift"]
    tasks["build_campaign_audience"] >> tasks["sum_experiments"]
    tasks["build_currency_rates"] >> tasks["sum_experiments"]
    tasks["campaign_outcomes"] >> tasks["sum_experiments"]
    tasks["clean_events"] >> tasks["sum_experiments"]
    tasks["build_campaigns"] >> tasks["decide_campaigns"]
    tasks["campaign_kpis"] >> tasks["decide_campaigns"]
    tasks["build_campaigns"] >> tasks["forecast_campaigns"]
    tasks["campaign_kpis"] >> tasks["forecast_campaigns"]
    tasks["assign_campaigns"] >> tasks["judge_experiments"]
    tasks["build_campaigns"] >> tasks["judge_experiments"]
    tasks["sum_experiments"] >> tasks["judge_experiments"]
    tasks["build_campaigns"] >> tasks["plan_targeting"]
    tasks["campaign_outcomes"] >> tasks["plan_targeting"]
    tasks["score_uplift"] >> tasks["plan_targeting"]
    tasks["evaluate_models"] >> tasks["promote_models"]
    tasks["fit_models"] >> tasks["promote_models"]
    tasks["campaign_kpis"] >> tasks["publish_campaign_kpis"]
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
    tasks["build_campaign_audience"] >> tasks["campaign_hourly_kpis"]
    tasks["build_campaign_items"] >> tasks["campaign_hourly_kpis"]
    tasks["build_campaigns"] >> tasks["campaign_hourly_kpis"]
    tasks["build_currency_rates"] >> tasks["campaign_hourly_kpis"]
    tasks["build_users"] >> tasks["campaign_hourly_kpis"]
    tasks["clean_events"] >> tasks["campaign_hourly_kpis"]
    tasks["recommend"] >> tasks["campaign_hourly_kpis"]
    tasks["recommend"] >> tasks["profile_recommendations"]
    tasks["build_currency_rates"] >> tasks["recommendation_outcomes"]
    tasks["build_users"] >> tasks["recommendation_outcomes"]
    tasks["clean_events"] >> tasks["recommendation_outcomes"]
    tasks["recommend"] >> tasks["recommendation_outcomes"]
    tasks["campaign_hourly_kpis"] >> tasks["campaign_daily_kpis"]
    tasks["campaign_hourly_kpis"] >> tasks["campaign_daily_segment_kpis"]
    tasks["build_currency_rates"] >> tasks["flag_anomalies"]
    tasks["campaign_daily_kpis"] >> tasks["flag_anomalies"]
    tasks["clean_events"] >> tasks["flag_anomalies"]
    tasks["build_campaigns"] >> tasks["forecast_kpis"]
    tasks["build_currency_rates"] >> tasks["forecast_kpis"]
    tasks["campaign_daily_kpis"] >> tasks["forecast_kpis"]
    tasks["clean_events"] >> tasks["forecast_kpis"]
