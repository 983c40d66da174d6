"""The operator's own metrics: what was observed, what was wanted, what is in force, so that a decision can be drawn."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from fastapi_tuning.api.status import FastAPITuningStatus, number_of
from fastapi_tuning.api.tuning import StoredTuning

_OBJECT = ("namespace", "name")


class OperatorMetrics:
    """All series of one operator; labels are bounded by the number of FastAPITunings."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.leader = Gauge(
            "fastapi_tuning_leader", "1 where this operator is the one that acts, else 0.", registry=registry
        )
        self.cycle_seconds = Histogram(
            "fastapi_tuning_cycle_duration_seconds", "Duration of a control cycle over all objects.", registry=registry
        )
        self.cycle_failures = Counter(
            "fastapi_tuning_cycle_failures_total",
            "Cycles of one object that ended early.",
            ("reason",),
            registry=registry,
        )
        self.moves = Counter(
            "fastapi_tuning_moves_total", "Moves by knob and result.", (*_OBJECT, "knob", "result"), registry=registry
        )
        self.undone = Counter(
            "fastapi_tuning_undone_total",
            "Moves that made it worse, by knob; they are taken back.",
            (*_OBJECT, "knob"),
            registry=registry,
        )
        self.offered = Gauge("fastapi_tuning_offered_requests_per_second", "Offered load.", _OBJECT, registry=registry)
        self.bad = Gauge(
            "fastapi_tuning_bad_ratio", "Share of requests over the objective.", _OBJECT, registry=registry
        )
        self.value = Gauge(
            "fastapi_tuning_knob_value", "Value of a knob in force.", (*_OBJECT, "knob"), registry=registry
        )
        self.wanted = Gauge(
            "fastapi_tuning_knob_wanted", "Value of a knob that the law wants.", (*_OBJECT, "knob"), registry=registry
        )
        self.limiting_factor = Gauge(
            "fastapi_tuning_limiting_factor",
            "Confidence (0 to 1) that this factor limits the service; one series for each object.",
            (*_OBJECT, "factor"),
            registry=registry,
        )
        self.live_write_seconds = Histogram(
            "fastapi_tuning_live_write_duration_seconds",
            "Time to hand new settings to all pods of one target.",
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=registry,
        )
        self.reviews = Counter(
            "fastapi_tuning_webhook_reviews_total",
            "Pods that the webhook looked at, by what became of them.",
            ("result",),
            registry=registry,
        )
        self.review_seconds = Histogram(
            "fastapi_tuning_webhook_review_duration_seconds",
            "Time to answer about one pod.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2),
            registry=registry,
        )
        self._of_objects = (
            self.moves,
            self.undone,
            self.offered,
            self.bad,
            self.value,
            self.wanted,
            self.limiting_factor,
        )

    def show(self, tuning: StoredTuning, status: FastAPITuningStatus) -> None:
        """Export what a status says; absent values leave no series behind."""
        labels = (tuning.namespace, tuning.name)
        self._set(self.offered, labels, status.measured.offered_requests_per_second, 1.0)
        self._set(self.bad, labels, status.measured.bad_percent, 0.01)
        self.limiting_factor.remove_by_labels({"namespace": tuning.namespace, "name": tuning.name})
        self.limiting_factor.labels(*labels, status.limiting_factor).set(number_of(status.diagnosis.confidence) or 0.0)
        for gauge, settings in ((self.value, status.current), (self.wanted, status.recommendation.settings)):
            for knob, value in settings.model_dump(exclude_none=True).items():
                gauge.labels(*labels, knob).set(value)

    def forget(self, namespace: str, name: str) -> None:
        """Drop the series of an object that is gone."""
        for metric in self._of_objects:
            metric.remove_by_labels({"namespace": namespace, "name": name})

    def forget_all(self) -> None:
        """Drop the series of every object: another operator shows them now."""
        for metric in self._of_objects:
            metric.clear()

    @staticmethod
    def _set(gauge: Gauge, labels: tuple[str, str], text: str, factor: float) -> None:
        if text:
            gauge.labels(*labels).set(float(text) * factor)
        else:
            gauge.remove_by_labels({"namespace": labels[0], "name": labels[1]})
