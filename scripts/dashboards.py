#!/usr/bin/env python3
"""Writes the Grafana dashboards, charts/hydra/dashboards/*.json.

    PYTHONPATH=.cache/ops scripts/dashboards.py          # after scripts/check-ops.sh setup

Built with Grafana's own SDK, so that their shape is what Grafana takes. tests/ops checks that the
files are what this writes, and runs every query: PromQL on a Prometheus that scrapes a running
Hydra, SQL on the database that it wrote.
"""

import sys
from pathlib import Path

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models.dashboard import (
    AnnotationQuery, DashboardCursorSync, DataSourceRef, DynamicConfigValue, MatcherConfig, VariableRefresh,
)  # fmt: skip

FOLDER = Path(__file__).resolve().parent.parent / "charts/hydra/dashboards"
PROMETHEUS = DataSourceRef(type_val="prometheus", uid="prometheus")
DATABASE = DataSourceRef(type_val="mysql", uid="hydra-database")
HALL = 'hall=~"$hall"'
# rows of the database carry microseconds since 1970
RANGE = "between $__unixEpochFrom() * 1000000 and $__unixEpochTo() * 1000000"


class Sql(variants.Dataquery):
    """A query to MariaDB; the SDK has none of its own."""

    def __init__(self, text, shape, ref_id):
        self.text, self.shape, self.ref_id = " ".join(text.split()), shape, ref_id

    def to_json(self):
        return {
            "refId": self.ref_id,
            "datasource": {"type": DATABASE.type_val, "uid": DATABASE.uid},
            "editorMode": "code",
            "rawQuery": True,
            "format": self.shape,
            "rawSql": self.text,
        }

    def build(self):
        return self


def promql(*queries):
    """Each (expression, legend) as a target."""
    targets = []
    for index, (expression, legend) in enumerate(queries):
        text = " ".join(expression.split())
        target = prometheus.Dataquery().expr(text).legend_format(legend).ref_id(chr(65 + index))
        # a dot on the graph for each told trace of a bucket
        targets.append(target.exemplar("_bucket" in text))
    return targets


def graph(title, unit, *queries, about="", stacked=False, width=12):
    """A graph of PromQL."""
    panel = (
        timeseries.Panel().title(title).description(about).unit(unit).datasource(PROMETHEUS).span(width).height(8)
        .min(0).fill_opacity(30 if stacked else 5)
        .legend(common.VizLegendOptions().show_legend(True).display_mode(kinds.LegendDisplayMode.LIST).placement(kinds.LegendPlacement.BOTTOM))
        .tooltip(common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI))
    )  # fmt: skip
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(kinds.StackingMode.NORMAL))
    for target in promql(*queries):
        panel = panel.with_target(target)
    return panel


def number(title, unit, expression, about="", width=4):
    """One number by PromQL."""
    (target,) = promql((expression, ""))
    return (
        stat.Panel().title(title).description(about).unit(unit).datasource(PROMETHEUS).span(width).height(4)
        .with_target(target)
    )  # fmt: skip


def sql_table(title, text, about="", width=12, height=10):
    """A table by SQL."""
    return (
        table.Panel().title(title).description(about).datasource(DATABASE).span(width).height(height)
        .with_target(Sql(text, "table", "A"))
    )  # fmt: skip


def sql_graph(title, *texts, about="", unit="short", width=24, height=10):
    """A graph by SQL; each query gives time, metric, value."""
    panel = (
        timeseries.Panel().title(title).description(about).datasource(DATABASE).unit(unit).span(width).height(height)
        .legend(common.VizLegendOptions().show_legend(True).display_mode(kinds.LegendDisplayMode.LIST).placement(kinds.LegendPlacement.BOTTOM))
        .tooltip(common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.SINGLE))
    )  # fmt: skip
    for index, text in enumerate(texts):
        panel = panel.with_target(Sql(text, "time_series", chr(65 + index)))
    return panel


def board(uid, title, about, *panels, hall=True, since="now-6h"):
    """A dashboard, with the hall as a choice."""
    result = (
        dashboard.Dashboard(title).uid(uid).description(about).tags(["hydra"]).refresh("30s").time(since, "now")
        .timezone("browser").tooltip(DashboardCursorSync.CROSSHAIR).readonly()
    )  # fmt: skip
    if hall:
        result = result.with_variable(
            dashboard.QueryVariable("hall").label("Hall").datasource(PROMETHEUS).refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .query("label_values(hydra_messages_total, hall)").include_all(True).all_value(".+")
        )  # fmt: skip
    for panel in panels:
        result = result.with_panel(panel)
    return result


def predictions():
    """The original's: every class's confidence over time, thresholds, model changes."""
    chosen = f"plot_type_id = $plot_type and role = $role and taken_us {RANGE}"
    scores = f"select taken_us div 1000000 as time, label as metric, probability as value from score where {chosen} order by taken_us"
    thresholds = (
        "select taken_us div 1000000 as time, concat('threshold of ', label) as metric, threshold as value "
        f"from prediction where {chosen} order by taken_us"
    )
    dots = sql_graph(
        "Confidence of every class", scores, thresholds, unit="percentunit", height=14,
        about="One dot a class and image. Lines are the threshold in force when an image was judged; "
        "marks are releases and threshold changes.",
    ).draw_style(kinds.GraphDrawStyle.POINTS).point_size(5).min(0).max(1)  # fmt: skip
    dots = dots.with_override(
        MatcherConfig(id_val="byRegexp", options="/^threshold of /"),
        [
            DynamicConfigValue(id_val="custom.drawStyle", value="line"),
            DynamicConfigValue(id_val="custom.lineInterpolation", value="stepAfter"),
            DynamicConfigValue(id_val="custom.lineStyle", value={"fill": "dash", "dash": [8, 8]}),
        ],
    )
    verdicts = sql_graph(
        "Verdicts an hour",
        "select taken_us div 3600000000 * 3600 as time, "
        "case state when 1 then 'Unconfirmed' when 2 then 'Novel' else label end as metric, count(*) as value "
        f"from prediction where {chosen} group by 1, 2 order by 1",
        width=12,
    ).draw_style(kinds.GraphDrawStyle.BARS).stacking(common.StackingConfig().mode(kinds.StackingMode.NORMAL))
    newest = sql_table(
        "Newest images",
        "select from_unixtime(taken_us div 1000000) as taken, run, chunk, label, round(confidence, 3) as confidence, "
        "threshold, case state when 0 then 'confirmed' when 1 then 'unconfirmed' when 2 then 'novel' else 'no verdict' end "
        "as state, note, no_verdict_reason from verdict "
        f"where plot_type_id = $plot_type and taken_us {RANGE} order by taken_us desc limit 100",
    )
    changes = AnnotationQuery(
        name="Releases", datasource=DATABASE, enable=True, icon_color="purple",
    )  # fmt: skip
    result = board("hydra-predictions", "Hydra: Predictions", "Every class output of every inference over time.",
                   dots, verdicts, newest, hall=False, since="now-24h")  # fmt: skip
    result = result.with_variable(
        dashboard.QueryVariable("plot_type").label("Plot type").datasource(DATABASE).refresh(VariableRefresh.ON_DASHBOARD_LOAD)
        .query("select name as __text, id as __value from plot_type order by name")
    ).with_variable(
        dashboard.CustomVariable("role").label("Model").values("active : 0, candidate : 1")
    )  # fmt: skip
    return result, [
        changes,
        "select at_us div 1000000 as time, concat(action, ' by ', who) as title, why as text, action as tags "
        f"from release_mark where plot_type_id = $plot_type and at_us {RANGE} order by at_us",
    ]


def by_stage(quantile, metric):
    """A quantile of a duration, by stage."""
    return f"histogram_quantile({quantile}, sum by (stage, le) (rate({metric}_bucket{{{HALL}}}[$__rate_interval])))"


def pipeline():
    """Where an image spends its time, from the queue to the row."""
    reached = "sum by (stage) (rate(hydra_lag_seconds_sum{%s}[$__rate_interval])) / sum by (stage) (rate(hydra_lag_seconds_count{%s}[$__rate_interval]))" % (HALL, HALL)  # fmt: skip
    queues = 'queue!~".+\\\\.dead|.+\\\\.retry\\\\..+|amq\\\\..+"'
    return board(
        "hydra-pipeline", "Hydra: Pipeline", "Throughput, lag and time by stage, from the queue to the row.",
        graph("Images in", "reqps", (f"sum by (door, outcome) (rate(hydra_ingest_images_total{{{HALL}}}[$__rate_interval]))", "{{door}} {{outcome}}"),
              about="By the way they came; `known` are repetitions, `refused` were no good."),
        graph("Messages done", "reqps", (f'sum by (stage) (rate(hydra_messages_total{{{HALL}, outcome=~"done|duplicate"}}[$__rate_interval]))', "{{stage}}")),
        graph("When an image reaches each stage", "s", (reached, "{{stage}}"),
              about="Mean time since its arrival; the difference between two stages is the time from one to the next."),
        graph("Lag: 95 of 100 images reach the stage within", "s", (by_stage(0.95, "hydra_lag_seconds"), "{{stage}}")),
        graph("Work time a message: median and 95th of 100", "s", (by_stage(0.5, "hydra_work_seconds"), "{{stage}} 50 %"), (by_stage(0.95, "hydra_work_seconds"), "{{stage}} 95 %")),
        graph("Messages a batch", "short", (f"sum by (stage) (rate(hydra_batch_messages_sum{{{HALL}}}[$__rate_interval])) / sum by (stage) (rate(hydra_batch_messages_count{{{HALL}}}[$__rate_interval]))", "{{stage}}")),
        graph("Queues: ready", "short", (f"sum by (queue) (rabbitmq_detailed_queue_messages_ready{{{HALL}, {queues}}})", "{{queue}}"), stacked=True),
        graph("Queues: taken, not settled", "short", (f"sum by (queue) (rabbitmq_detailed_queue_messages_unacked{{{HALL}, {queues}}})", "{{queue}}"), stacked=True),
        graph("Not done at the first try", "short", (f'sum by (stage, outcome) (increase(hydra_messages_total{{{HALL}, outcome!~"done|duplicate"}}[$__rate_interval]))', "{{stage}} {{outcome}}"),
              (f"sum by (stage, reason) (increase(hydra_buried_total{{{HALL}}}[$__rate_interval]))", "{{stage}} buried: {{reason}}")),
        graph("Waiting again, or given up", "short", (f'sum by (queue) (rabbitmq_detailed_queue_messages{{{HALL}, queue=~".+\\\\.dead|.+\\\\.retry\\\\..+"}})', "{{queue}}")),
        graph("Database: 95 of 100 pieces of work within", "s", (f"histogram_quantile(0.95, sum by (role, le) (rate(hydra_database_seconds_bucket{{{HALL}}}[$__rate_interval])))", "{{role}}")),
        graph("Refused at the door", "short", (f"sum by (door, reason) (increase(hydra_ingest_refused_total{{{HALL}}}[$__rate_interval]))", "{{door}}: {{reason}}")),
    )  # fmt: skip


def workers():
    """The processes: who lives, who is busy, what they hold."""
    return board(
        "hydra-workers", "Hydra: Workers", "Processes, models, GPUs.",
        graph("Processes that answer", "short", (f'sum by (role) (up{{job="hydra", {HALL}}})', "{{role}}")),
        graph("Messages in hand", "short", (f"sum by (role, stage) (hydra_in_flight{{{HALL}}})", "{{stage}}"), stacked=True),
        graph("Messages done, by process", "reqps", (f'sum by (role, instance) (rate(hydra_messages_total{{{HALL}, outcome="done"}}[$__rate_interval]))', "{{role}} {{instance}}"),
              about="Equal lines mean that work is shared out fairly."),
        graph("Share of the time at work", "percentunit", (f"sum by (stage) (rate(hydra_work_seconds_sum{{{HALL}}}[$__rate_interval]))", "{{stage}}"),
              about="Seconds of work a second, all processes together; above the number of sessions nothing more fits."),
        graph("Trouble", "short", (f"sum by (stage) (increase(hydra_faults_total{{{HALL}}}[$__rate_interval]))", "{{stage}}: panic or time limit"),
              (f"sum by (queue) (increase(hydra_broker_sessions_lost_total{{{HALL}}}[$__rate_interval]))", "{{queue}}: broker session lost"),
              (f"sum by (role) (increase(hydra_broker_blocked_total{{{HALL}}}[$__rate_interval]))", "{{role}}: the broker takes nothing"),
              (f"sum by (role) (increase(hydra_workers_lost_total{{{HALL}}}[$__rate_interval]))", "{{role}}: inference worker lost"),
              (f"sum by (role) (increase(hydra_database_renewals_total{{{HALL}}}[$__rate_interval]))", "{{role}}: database connections renewed"),
              (f"sum by (role) (increase(hydra_database_conflicts_total{{{HALL}}}[$__rate_interval]))", "{{role}}: transaction repeated")),
        graph("Verdicts by state", "reqps", (f'sum by (state) (rate(hydra_verdicts_total{{{HALL}, state!=""}}[$__rate_interval]))', "{{state}}"), about="Of active models, when infer has judged."),
        graph("Verdicts by label", "reqps", (f'sum by (outcome) (rate(hydra_verdicts_total{{{HALL}, outcome!=""}}[$__rate_interval]))', "{{outcome}}"), about="Of active models, when keep has written."),
        graph("Models loaded", "short", (f"sum by (role, instance) (hydra_models_loaded{{{HALL}}})", "{{role}} {{instance}}"), (f"max(hydra_models_unavailable{{{HALL}}})", "cannot be loaded")),
        graph("Memory of models", "bytes", (f"sum by (role, instance) (hydra_models_memory_bytes{{{HALL}}})", "{{role}} {{instance}}")),
        graph("Models that could not be loaded", "short", (f"sum by (role, instance) (increase(hydra_model_load_failures_total{{{HALL}}}[$__rate_interval]))", "{{role}} {{instance}}"), about="Tries; each is logged with its reason."),
        graph("Pages and API: 99 of 100 answers within", "s", (f"histogram_quantile(0.99, sum by (route, le) (rate(hydra_query_answer_seconds_bucket{{{HALL}}}[$__rate_interval])))", "{{route}}")),
        graph("Open live streams", "short", (f"sum by (instance) (hydra_query_streams{{{HALL}}})", "{{instance}}")),
        graph("Processor (Kubernetes)", "short", ('sum by (pod) (rate(container_cpu_usage_seconds_total{pod=~".*hydra-.*", container="hydra"}[$__rate_interval]))', "{{pod}}"), about="Cores; from the kubelet."),
        graph("Memory (Kubernetes)", "bytes", ('sum by (pod) (container_memory_working_set_bytes{pod=~".*hydra-.*", container="hydra"})', "{{pod}}"), about="From the kubelet."),
        graph("GPU at work", "percent", ('avg by (exported_pod, gpu) (DCGM_FI_DEV_GPU_UTIL{exported_pod=~".*hydra-.*"})', "{{exported_pod}} GPU {{gpu}}"), about="From NVIDIA's DCGM exporter."),
        graph("GPU memory", "decmbytes", ('avg by (exported_pod, gpu) (DCGM_FI_DEV_FB_USED{exported_pod=~".*hydra-.*"})', "{{exported_pod}} GPU {{gpu}}"), about="From NVIDIA's DCGM exporter."),
    )  # fmt: skip


def hall():
    """One look: is the hall watched, and what is wrong in it."""
    slow = f'1 - (sum(increase(hydra_lag_seconds_count{{{HALL}, stage="keep"}}[$__range])) - sum(increase(hydra_lag_seconds_bucket{{{HALL}, stage="keep", le=~"5|5[.]0"}}[$__range]))) / sum(increase(hydra_lag_seconds_count{{{HALL}, stage="keep"}}[$__range]))'  # fmt: skip
    return board(
        "hydra-hall", "Hydra: Hall overview", "Is the hall watched, and what is wrong in it?",
        number("Images a minute", "short", f'sum(rate(hydra_ingest_images_total{{{HALL}, outcome=~"new|known"}}[5m])) * 60'),
        number("Verdicts within 5 s", "percentunit", slow, about="Of the chosen time; the objective is 95 %. Counted when keep takes the verdict."),
        number("Dead letters", "short", f'sum(rabbitmq_detailed_queue_messages{{{HALL}, queue=~".+\\\\.dead"}})'),
        number("Messages waiting", "short", f'sum(rabbitmq_detailed_queue_messages{{{HALL}, queue!~".+\\\\.dead|amq\\\\..+"}})'),
        number("Processes that answer", "short", f'sum(up{{job="hydra", {HALL}}})'),
        number("Models that cannot be loaded", "short", f"max(hydra_models_unavailable{{{HALL}}})"),
        graph("Images in", "reqps", (f'sum(rate(hydra_ingest_images_total{{{HALL}, outcome=~"new|known"}}[$__rate_interval]))', "images")),
        graph("Arrival to verdict", "s", *[(f'histogram_quantile({q}, sum by (le) (rate(hydra_lag_seconds_bucket{{{HALL}, stage="keep"}}[$__rate_interval])))', f"{q:.0%}") for q in (0.5, 0.95, 0.99)]),
        sql_table("Trouble that goes on", "select t.name as plot_type, case s.kind when 2 then 'Bad' when 3 then 'Unconfirmed' else 'Novel' end as kind, s.label, "
                  "from_unixtime(s.first_us div 1000000) as since, from_unixtime(s.last_us div 1000000) as last_seen, s.images "
                  "from sequence s join plot_type t on t.id = s.plot_type_id where s.open = 1 order by s.kind, s.first_us"),
        sql_table("Freshness: longest unseen first", "select t.name as plot_type, from_unixtime(l.taken_us div 1000000) as newest, "
                  "round(unix_timestamp() - l.taken_us / 1000000) as age_s, json_value(t.spec, '$.cadence_s') as cadence_s "
                  "from plot_type t join latest l on l.plot_type_id = t.id where t.state <> 2 order by l.taken_us limit 100"),
        sql_graph("Images a day, by outcome", "select day * 86400 as time, outcome as metric, sum(images) as value from daily "
                  "where day between floor($__unixEpochFrom() / 86400) and floor($__unixEpochTo() / 86400) group by day, outcome order by day", width=12)
        .draw_style(kinds.GraphDrawStyle.BARS).stacking(common.StackingConfig().mode(kinds.StackingMode.NORMAL)),
        sql_table("Dead letters that wait", "select from_unixtime(buried_us div 1000000) as at, stage, event, reason, left(error, 200) as error, attempts "
                  "from dead_letter where handled is null order by buried_us desc, id desc limit 50"),
    )  # fmt: skip


def write(folder):
    """Writes all dashboards to a folder."""
    predictions_board, (annotation, text) = predictions()
    encode = JSONEncoder(sort_keys=True, indent=1).encode
    built = predictions_board.build()
    built.annotations.list_val = [annotation]
    documents = {"predictions": built, "pipeline": pipeline().build(), "workers": workers().build(), "hall": hall().build()}
    for name, document in documents.items():
        json_text = encode(document)
        if name == "predictions":
            import json

            plain = json.loads(json_text)
            # the SDK's annotation knows Prometheus and Loki only; for SQL the query is `rawQuery`
            plain["annotations"]["list"][0].update({"rawQuery": text, "format": "table"})
            json_text = json.dumps(plain, sort_keys=True, indent=1)
        (folder / f"{name}.json").write_text(json_text + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
