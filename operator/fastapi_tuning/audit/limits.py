"""Limits of the server process: whom they refuse, and whom they cut off. Pure."""

from fastapi_tuning.audit.facts import Facts, Setting, Unread
from fastapi_tuning.audit.finding import Violation
from fastapi_tuning.audit.fix import tuning_fix, variable_fix
from fastapi_tuning.audit.threads import threads_of

_OUTER_NET = 10
"""Times the threads: from there on the limit is a net that a healthy pod never meets."""
_PROXY_IDLE_SECONDS = 60
"""How long AWS' load balancers and ingress-nginx (upstream-keepalive-timeout) keep an idle connection to a pod."""
LONGER_THAN_PROXIES_SECONDS = 75
"""nginx's own keepalive_timeout, the longest of the usual defaults."""


def refuses_everything(facts: Facts) -> Violation | None:
    """uvicorn counts the connection of the request itself: a limit of 1 admits none, and so does 0."""
    limit = facts.server.limit_concurrency
    if not isinstance(limit, Setting) or limit.value > 1:
        return None
    return Violation(
        evidence=f"{limit.origin}: every request gets 503",
        fix=f"# remove it, or limit requests in flight by the agent\n{_agent_limit(facts)}",
    )


def refuses_probes(facts: Facts) -> Violation | Unread | None:
    """Under two to three times the capacity 60 to 75 % of the probes were answered 503 (measured)."""
    limit = facts.server.limit_concurrency
    http = [name for name, probe in facts.probes.by_name.items() if probe.handler == "httpGet"]
    if not http or limit is None:
        return None
    if isinstance(limit, Unread):
        return limit
    if not 1 < limit.value < _OUTER_NET * threads_of(facts):
        return None
    return Violation(
        evidence=(
            f"{limit.origin} counts idle connections too, and answers 503 to the {' and '.join(http)} probe as to "
            "anybody; the app's metrics do not show it"
        ),
        fix=f"# remove it; the agent's limit lets probes pass\n{_agent_limit(facts)}",
    )


def ends_the_only_worker(facts: Facts) -> Violation | Unread | None:
    """The process ends while the pod is still Ready: connections are refused until the kubelet starts it anew."""
    limit, launch = facts.server.max_requests, facts.server.launch
    if limit is None or launch.server == "gunicorn" or (launch.workers or 1) > 1:
        return None
    if isinstance(limit, Unread):
        return limit
    return Violation(
        evidence=f"{limit.origin}: the pod's only process ends after {limit.value} requests, and nobody listens then",
        fix=(
            "# remove it; the agent drains a pod before it ends it\n"
            + tuning_fix(facts, uvicorn={"limitMaxRequests": {"mode": "Auto", "requests": max(1000, limit.value)}})
        ),
    )


def closes_before_proxy(facts: Facts) -> Violation | Unread | None:
    """A proxy sends a request into a connection that the server closes just then: 502 for a request that is lost."""
    keep_alive, proxies = facts.server.keep_alive_seconds, facts.proxies
    if isinstance(keep_alive, Unread):
        return keep_alive
    if keep_alive.value > _PROXY_IDLE_SECONDS:
        return None
    if isinstance(proxies, Unread):
        return proxies
    if not proxies:
        return None
    first = proxies[0]
    named = f"Ingress {first.ingress} ({first.ingress_class or 'default class'}) leads to Service {first.service}"
    return Violation(
        evidence=f"{named}; {_too_short(keep_alive)}",
        fix=_longer(facts),
    )


def closes_before_a_proxy_would(facts: Facts) -> Violation | Unread | None:
    """The same where no Ingress leads to the pods: a mesh, a gateway or a load balancer may."""
    keep_alive = facts.server.keep_alive_seconds
    if isinstance(keep_alive, Unread):
        return keep_alive
    if keep_alive.value > _PROXY_IDLE_SECONDS:
        return None
    if isinstance(facts.proxies, Unread):
        return facts.proxies
    if facts.proxies:
        return None
    return Violation(evidence=f"no Ingress leads to the pods; {_too_short(keep_alive)}", fix=_longer(facts))


def _too_short(keep_alive: Setting) -> str:
    return (
        f"the server closes idle connections after {keep_alive.value} s ({keep_alive.origin}), proxies keep theirs for "
        f"{_PROXY_IDLE_SECONDS} s or more"
    )


def _longer(facts: Facts) -> str:
    """In seconds; a minimum that is the maximum fixes the value."""
    if facts.server.launch.server == "gunicorn":
        return f"# gunicorn\nargs: [--keep-alive, '{LONGER_THAN_PROXIES_SECONDS}']"
    if facts.tuning is not None:
        fixed = {"mode": "Auto", "min": LONGER_THAN_PROXIES_SECONDS, "max": LONGER_THAN_PROXIES_SECONDS}
        return tuning_fix(facts, uvicorn={"timeoutKeepAlive": fixed})
    return variable_fix(facts, "UVICORN_TIMEOUT_KEEP_ALIVE", LONGER_THAN_PROXIES_SECONDS)


def _agent_limit(facts: Facts) -> str:
    return tuning_fix(facts, uvicorn={"limitConcurrency": {"mode": "Auto"}})
