"""Whatever stands in a Deployment or comes from Prometheus: a value, or an error of our own tree."""

import copy
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import CustomQueries, FastAPITuningSpec, Metrics, MetricsSource, TargetReference
from fastapi_tuning.api.status import Condition, History, Measured, Settings
from fastapi_tuning.audit.checklist import CHECKLIST
from fastapi_tuning.audit.finding import audit
from fastapi_tuning.control.cycle import Surroundings, tune
from fastapi_tuning.control.observation import NoData, Observation, Signals, Workload
from fastapi_tuning.errors import FastAPITuningError, TargetNotUnderstood
from fastapi_tuning.observe.command_line import environment_of
from fastapi_tuning.observe.launch import launch_form
from fastapi_tuning.observe.manifest import checked_deployment
from fastapi_tuning.observe.metrics import MetricsTarget, read_signals
from fastapi_tuning.observe.ownership import foreign_variables
from fastapi_tuning.observe.presets import PRESETS
from fastapi_tuning.observe.prometheus import Sample
from fastapi_tuning.observe.survey.pod_template import database_of, port_of, probes_of, resources_of, shutdown_of
from fastapi_tuning.observe.survey.server import server_of
from fastapi_tuning.observe.workloads import workload_of
from fastapi_tuning.report.conditions import conditions_of, findings_of_cycle
from fastapi_tuning.report.status import considered_of, current_of, decisions_of, measured_of, recommendation_of
from tests.unit.audit.services import facts
from tests.unit.control.builders import workload

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
REFERENCE = TargetReference(name="checkout")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
odd_words = st.sampled_from(
    [
        *("uvicorn", "gunicorn", "/bin/sh", "bash", "-c", "-ec", "-o", "--", "python3", "fastapi", "tini", "cd", ";"),
        *("--workers", "--workers=4", "-w4", "-w", "4", "²", "$(W)", "$W", "${W:-4}", "$@", "'", '"$@"', "$(", "${"),
        *("uvicorn a:b --workers $W", "--config", "WEB_CONCURRENCY=2", "--limit-concurrency", "9" * 5000, ""),
    ]
)
words = odd_words | st.text(max_size=20)
variables = st.fixed_dictionaries(
    {"name": st.sampled_from(["WEB_CONCURRENCY", "UVICORN_WORKERS", "GUNICORN_CMD_ARGS", "W"]) | st.text(max_size=5)},
    optional={"value": st.none() | words, "valueFrom": st.none() | st.just({"fieldRef": {"fieldPath": "spec"}})},
)
quantities = st.sampled_from(["1k", "500m", "0", "1n", "2", "1E400", "NaN", "-1", "9E", "half", "", "1e3"]) | st.text()
limited: st.SearchStrategy[dict[str, Any]] = st.builds(lambda cpu: {"limits": {"cpu": cpu}}, quantities)
containers: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"name": st.sampled_from(["app", "sidecar"]) | st.text(max_size=5)},
    optional={
        "command": st.none() | st.lists(words, max_size=6),
        "args": st.none() | st.lists(words, max_size=6),
        "env": st.none() | st.lists(variables, max_size=5),
        "envFrom": st.none() | st.lists(st.just({"configMapRef": {"name": "settings"}}), max_size=1),
        "ports": st.none() | st.lists(st.sampled_from([{}, {"name": "http"}, {"name": None}]), max_size=2),
        "resources": st.none() | st.sampled_from([{}, {"limits": None}, {"limits": {}}]) | limited,
    },
)
set_keys = st.sampled_from(
    ["f:spec", "f:template", "f:containers", 'k:{"name":"app"}', "f:env", 'k:{"name":"W"}', "k:{", "k:[1]", 'k:{"a":1}']
)
field_sets = st.recursive(
    st.just({}) | st.none() | json_values, lambda inner: st.dictionaries(set_keys, inner, max_size=3), max_leaves=12
)
in_environment: st.SearchStrategy[dict[str, Any]] = st.builds(
    lambda inner: {"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"app"}': {"f:env": inner}}}}}},
    field_sets,
)
managers = st.fixed_dictionaries(
    {},
    optional={
        "manager": st.none() | st.text(max_size=5),
        "fieldsV1": field_sets | in_environment,
        "operation": json_values,
    },
)
counts = st.none() | st.integers(0, 2**31 - 1)
templates = st.fixed_dictionaries(
    {"spec": st.fixed_dictionaries({"containers": st.lists(containers, max_size=3)})},
    optional={"metadata": st.none() | st.dictionaries(st.text(max_size=5), json_values, max_size=2)},
)
statuses = st.fixed_dictionaries(
    {}, optional={"observedGeneration": counts, "replicas": counts, "updatedReplicas": counts}
)
deployments = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries(
            {"uid": st.text(max_size=5), "resourceVersion": st.text(max_size=5)},
            optional={"generation": counts, "managedFields": st.none() | st.lists(managers, max_size=2)},
        ),
        "spec": st.fixed_dictionaries(
            {"selector": st.just({"matchLabels": {"app": "checkout"}}), "template": templates},
            optional={"replicas": counts},
        ),
    },
    optional={"status": st.none() | statuses},
)


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A Deployment in which one thing, anywhere, is missing or something else."""
    whole: dict[str, Any] = copy.deepcopy(draw(deployments))
    node: Any = whole
    while node:
        place = draw(st.sampled_from(list(node) if isinstance(node, dict) else range(len(node))))
        if isinstance(node[place], dict | list) and draw(st.booleans()):
            node = node[place]
            continue
        if draw(st.booleans()):
            del node[place]
        else:
            node[place] = draw(json_values)
        break
    return whole


def seen(body: dict[str, Any]) -> Workload | None:
    try:
        return workload_of(checked_deployment(body), REFERENCE, 2, ())
    except FastAPITuningError:
        return None


@given(deployments)
def test_what_kubernetes_can_store_is_a_workload_or_an_error_of_ours(body: dict[str, Any]) -> None:
    found = seen(body)

    assert found is None or found.cpu_limit_cores is None or 0 < found.cpu_limit_cores < math.inf
    assert found is None or found.launch.workers is None or 1 <= found.launch.workers <= 9999


@given(damaged())
def test_a_deployment_that_lacks_something_is_a_workload_or_an_error_of_ours(body: dict[str, Any]) -> None:
    assert seen(body) is None or checked_deployment(body)


@given(json_values)
def test_what_is_no_deployment_at_all_is_refused(body: Any) -> None:
    with pytest.raises(TargetNotUnderstood):
        checked_deployment(body)


@given(containers, st.dictionaries(st.sampled_from(["WEB_CONCURRENCY", "UVICORN_WORKERS"]), st.text(max_size=5)))
def test_every_container_has_a_launch_form(container: dict[str, Any], owners: dict[str, str]) -> None:
    form = launch_form(container, owners)

    assert form.workers is None or 1 <= form.workers <= 9999
    assert len(form.workers_from) <= 200


@given(containers)
def test_every_container_can_be_audited(container: dict[str, Any]) -> None:
    service = facts(
        server=server_of(container, {}, None),
        probes=probes_of(container),
        resources=resources_of(container),
        shutdown=shutdown_of({}, container),
        database=database_of(environment_of(container), 100),
        port=port_of(container),
    )

    report = audit(service, CHECKLIST)
    assert len(report.passed) < len(CHECKLIST), "nothing of this kind has a readiness probe"
    assert all(finding.evidence and finding.fix for finding in report.findings)


@given(st.lists(managers, max_size=3))
@example([{"manager": "a", "fieldsV1": {"f:spec": 1}}])
def test_owners_are_names_whatever_the_managed_fields_hold(fields: list[dict[str, Any]]) -> None:
    assert all(isinstance(each, str) for pair in foreign_variables(fields, "app").items() for each in pair)


def test_a_key_nested_deeper_than_python_reads_owns_nothing() -> None:
    deep: dict[str, Any] = {"k:" + "[" * 100_000: {}}
    template = {"f:template": {"f:spec": {"f:containers": {'k:{"name":"app"}': {"f:env": deep}}}}}

    assert foreign_variables([{"manager": "a", "fieldsV1": {"f:spec": template}}], "app") == {}


@pytest.mark.parametrize(
    ("quantity", "cores"), [("1k", 1000.0), ("500m", 0.5), ("2", 2.0), ("0.5", 0.5), ("1n", 1e-9), ("0", None)]
)
def test_a_limit_is_read_in_every_form_that_kubernetes_has(quantity: str, cores: float | None) -> None:
    body = {
        "metadata": {"uid": "1", "resourceVersion": "1"},
        "spec": {
            "selector": {},
            "template": {"spec": {"containers": [{"name": "app", "resources": {"limits": {"cpu": quantity}}}]}},
        },
    }

    found = seen(body)

    assert found is not None
    assert found.cpu_limit_cores == cores


plausible = st.sampled_from([0.0, 5e-324, 1e-310, 1e-12, 1e-9, 1e-3, 0.5, 10.0, 1e3, 1e9]) | st.floats(0, 1e9)
values = plausible | st.sampled_from([1.1e9, 1e40, 1e308, -1.0]) | st.floats()
PRESET = PRESETS[0]
METRICS = [
    *(f"{PRESET.histogram}_count", "up", "fastapi_tuning_thread_pool_limit"),
    *("fastapi_tuning_thread_pool_busy", "fastapi_tuning_thread_pool_waiting"),
]
labels = st.fixed_dictionaries(
    {},
    optional={
        "namespace": st.just("shop"),
        "pod": st.sampled_from(["a", "b", "foreign"]),
        "le": st.sampled_from(["0.25", "0.5", "1.0", "+Inf", "NaN", "-1", "wide"]),
        "__name__": st.sampled_from(METRICS),
    },
)
series = st.lists(st.builds(Sample, labels=labels, value=values), max_size=8)


@st.composite
def exported(draw: st.DrawFn, numbers: st.SearchStrategy[float]) -> dict[str, list[Sample]]:
    """What two pods of an app with the agent export, and any series beside."""
    pods = [{"namespace": "shop", "pod": pod} for pod in ("a", "b")]

    def each(*extra: dict[str, str]) -> list[Sample]:
        rows = [Sample(labels={**pod, **more}, value=draw(numbers)) for pod in pods for more in extra or ({},)]
        return [*draw(st.lists(st.builds(Sample, labels=labels, value=values), max_size=2)), *rows]

    return {
        "count by": each({"__name__": METRICS[0]}, {"__name__": "up"}),
        "{__name__": each(*({"__name__": name} for name in METRICS[2:])),
        "_bucket": each(*({"le": edge} for edge in ("0.5", "1.0", "+Inf"))),
        "_sum": each(),
        "status": each(),
        "cpu": each(),
        "started": each(),
        "busy_seconds": each(),
    }


class Answers:
    """A Prometheus that has an answer for each kind of query."""

    def __init__(self, by_kind: dict[str, list[Sample]]) -> None:
        self._by_kind = by_kind

    def query(self, promql: str, at: datetime) -> tuple[Sample, ...]:
        return next((tuple(rows) for kind, rows in self._by_kind.items() if kind in promql), ())


def signals(by_kind: dict[str, list[Sample]], metrics: Metrics | None = None) -> Signals:
    key = ("shop", "checkout")
    pods = frozenset({("shop", "a"), ("shop", "b")})
    target = MetricsTarget(key=key, pods=pods, metrics=metrics or Metrics(), threshold_seconds=0.5)
    return read_signals(Answers(by_kind), [target], NOON)[key]


def carried_through(found: Signals) -> tuple[Condition, ...]:
    """All that a cycle computes from signals."""
    spec = FastAPITuningSpec.model_validate(
        {
            "targetRef": {"name": "checkout"},
            "mode": "Auto",
            "uvicorn": {"limitConcurrency": {"mode": "Auto"}},
            "objectives": {"averageLatencyMilliseconds": 200},
        }
    )
    observation = Observation(time=NOON, workload=workload(), signals=found)
    outcome = tune(spec, observation, History(observed_since=NOON), Surroundings(applied=Settings()))
    assert isinstance(measured_of(outcome), Measured)
    recommendation_of(outcome)
    decisions_of(outcome, {}, NOON)
    considered_of(outcome, {})
    threads = None if outcome.estimate is None else outcome.estimate.capacity.threads
    Settings.model_validate(current_of(observation, Settings(), threads).model_dump())
    return conditions_of(findings_of_cycle(observation.workload, found, outcome, ()), (), 1, NOON)


@given(exported(plausible) | exported(values))
def test_any_value_of_any_series_is_judged_and_carried_into_the_status(by_kind: dict[str, list[Sample]]) -> None:
    assert carried_through(signals(by_kind))


@given(st.dictionaries(st.sampled_from(["count by", "{__name__", "_bucket", "_sum", "status", "cpu"]), series))
def test_series_with_any_labels_are_judged(by_kind: dict[str, list[Sample]]) -> None:
    assert carried_through(signals(by_kind))


CUSTOM = Metrics(
    source=MetricsSource.CUSTOM,
    custom=CustomQueries(
        requests_per_second="A",
        fast_requests_per_second="B",
        failed_requests_per_second="C",
        average_latency_seconds="D",
    ),
)


@given(st.tuples(values, values, values, values))
@example((1e40, 1e40, 0.0, 0.0))
@example((1e308, 1e308, 1e308, 1e308))
@example((5e-324, 5e-324, 5e-324, 5e-324))
def test_any_answer_of_a_custom_query_is_judged(answers: tuple[float, float, float, float]) -> None:
    by_kind = {kind: [Sample(labels={}, value=value)] for kind, value in zip("ABCD", answers, strict=True)}
    found = signals(by_kind, CUSTOM)

    assert carried_through(found)
    if max(answers) > 1e9 and answers[0] > 1e-9:
        assert isinstance(found, NoData)
        assert found.reason is Reason.UNUSABLE_SAMPLES
