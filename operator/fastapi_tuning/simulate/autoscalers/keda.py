"""KEDA's Prometheus trigger, between one and many pods.

There KEDA is not the loop: it creates an HPA with an External metric of `averageValue: threshold` and answers the
HPA's question, every 15 s, by asking Prometheus at that moment (`useCachedMetrics` is off by default). The 30 s of
`pollingInterval` and the 300 s of `cooldownPeriod` govern only the way between none and one, which a service with a
latency objective does not go.
"""

from fastapi_tuning.simulate.autoscalers.hpa import HorizontalPodAutoscaler, ReplicaBounds
from fastapi_tuning.simulate.autoscalers.hpa_metrics import ExternalRequests


def scaled_object(threshold_per_second: float, bounds: ReplicaBounds) -> HorizontalPodAutoscaler:
    """The HPA that KEDA makes of `sum(rate(requests[…]))` and a threshold in requests per second and pod."""
    return HorizontalPodAutoscaler(ExternalRequests(target_per_second=threshold_per_second), bounds)
