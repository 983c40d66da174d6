"""The exceptions of the operator; every edge translates its library's errors into one of these.

FastAPITuningError
├── CannotStart              the operator's own settings do not work on this machine
├── InvalidTuning            a person must change the object; retrying is in vain
├── TargetUnavailable        the workload cannot be read now; the next cycle is the retry
│   ├── ContainerNotFound    the workload exists, the named container does not
│   └── TargetNotUnderstood  the workload exists and says something that we cannot read; a person must look
├── MetricsUnavailable       Prometheus gave no usable answer; knobs hold
│   ├── PrometheusSilent     it gave none at all; asking again in the same cycle is in vain
│   ├── ClocksDiffer         its clock and ours differ: what it calls now is another time
│   ├── QueryBudgetSpent     it was not asked: queries before this one took the time of the cycle
│   ├── QueryNotConfined     it was not asked: the query may read other namespaces
│   └── NoHistory            it answers, and has nothing of the service's past that could be read
├── ProfileUnavailable       no profile of a pod could be taken; the message says what is missing
├── NotFound                 an object does not exist (any more)
├── InternalError            a mistake of ours, met while working on one object
├── AccessRefused            somebody may not see what they ask the pages or the API for
│   ├── NotSignedIn          they bring no token, or one that the API server does not know
│   └── NotAllowed           their token may not read that
├── AccessUnknown            the API server did not say whether they may; so they may not, for now
├── NotLeading               another operator acts, or soon may; nothing more is written
├── LoadTestFailed           load cannot be offered, or what it showed cannot be read
└── WriteRejected            the API server refused a write
    ├── Conflict             somebody else changed the object since it was read
    └── FieldConflict        another field manager owns a field we would set
"""


class FastAPITuningError(Exception):
    """Base of all errors that the operator raises on purpose."""


class CannotStart(FastAPITuningError):
    """The operator cannot begin: no cluster configured, or its port is taken."""


class InvalidTuning(FastAPITuningError):
    """The FastAPITuning object contradicts itself or the cluster; a person must change it."""


class TargetUnavailable(FastAPITuningError):
    """The target workload cannot be read; worth another try in the next cycle. One that is missing is NotFound."""


class ContainerNotFound(TargetUnavailable):
    """The target exists but has no container of the wanted name, or none can be singled out."""


class TargetNotUnderstood(TargetUnavailable):
    """The target exists, and something in it is not what the API of Kubernetes promises, or not known to us."""


class MetricsUnavailable(FastAPITuningError):
    """Prometheus could not be reached, refused us, or answered something that is no answer."""


class PrometheusSilent(MetricsUnavailable):
    """No answer at all: no connection, or none within the time. Another query would only wait as long."""


class ClocksDiffer(MetricsUnavailable):
    """Prometheus and the operator do not agree on the time, so its newest samples are not those of now."""


class QueryBudgetSpent(MetricsUnavailable):
    """The query was not sent, since those before it took the time that they all have."""


class QueryNotConfined(MetricsUnavailable):
    """The query was not sent, since nothing shows that it stays in its own namespace; a person must change it."""


class NoHistory(MetricsUnavailable):
    """Prometheus has nothing of the service in the time asked for, or nothing that a preset can read."""


class ProfileUnavailable(FastAPITuningError):
    """The agent of a pod gave no profile, or something that is none."""


class NotFound(FastAPITuningError):
    """The object does not exist, or does not exist any more."""


class InternalError(FastAPITuningError):
    """An exception that nobody expected; it ends the cycle of one object, see containment.py."""


class NotLeading(FastAPITuningError):
    """The lease is not ours, or not for sure: no write began, or one was given up before another operator can lead."""


class AccessRefused(FastAPITuningError):
    """Somebody may not see what they ask for."""


class NotSignedIn(AccessRefused):
    """There is no token, or none that the API server accepts; another one may help."""


class NotAllowed(AccessRefused):
    """The token is good, and has no right to this; the message names verb, resource and namespace."""


class AccessUnknown(FastAPITuningError):
    """The API server could not be asked who may see what, or its answer is none."""


class LoadTestFailed(FastAPITuningError):
    """A load test cannot begin or go on; the message says what a person has to change, or what was left behind."""


class WriteRejected(FastAPITuningError):
    """The API server refused a write for good reason; nothing was changed."""


class Conflict(WriteRejected):
    """The object changed between our read and our write (compare-and-set failed)."""


class FieldConflict(WriteRejected):
    """Another field manager owns a field that we would set; the message names field and owner."""
