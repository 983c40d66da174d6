"""The pool of database connections against the threads that want one, and against what the server allows. Pure."""

from fastapi_tuning.api.spec import Mode
from fastapi_tuning.audit.facts import Autoscaler, Facts, Setting, Unread
from fastapi_tuning.audit.finding import Violation
from fastapi_tuning.audit.fix import container_fix, tuning_fix, variable_fix
from fastapi_tuning.audit.threads import threads_of
from fastapi_tuning.control.knobs import Knob, mode_of


def pool_smaller_than_threads(facts: Facts) -> Violation | Unread | None:
    """Threads beyond the pool wait in it, for up to 30 s by SQLAlchemy's default, and then fail."""
    pool = facts.database.pool
    if pool is None:
        return _not_known(facts)
    threads = threads_of(facts)
    if pool.most >= threads:
        return None
    overflow = "" if pool.overflow is None else f" and {pool.overflow.origin}"
    return Violation(
        evidence=f"{pool.size.origin}{overflow}: {pool.most} connections for {threads} threads",
        fix="# as many threads as connections, or more connections if the database has them\n"
        + tuning_fix(facts, threadPool={"max": max(4, pool.most)}),
    )


def more_than_the_server_allows(facts: Facts) -> Violation | Unread | None:
    """pods × workers × (pool + overflow) ≤ max_connections, at the most pods that there may be."""
    pool, allowed = facts.database.pool, _allowed(facts)
    if pool is None:
        return _not_known(facts)
    if allowed is None:
        return Unread(
            id="unread-database-limit",
            what="What the database server allows",
            why=f"a pod opens up to {pool.most} connections; nobody said how many this app may have",
            fix="# SHOW max_connections; less what others and the superuser need\n"
            "fastapi-tuning audit … --database-connections 100",
        )
    workers = facts.server.launch.workers or 1
    pods, because = _most_pods(facts)
    wanted = pods * workers * pool.most
    if wanted <= allowed:
        return None
    size = max(1, allowed // (pods * workers))
    overflow = [] if pool.overflow is None else [_variable(pool.overflow, 0)]
    return Violation(
        evidence=f"{pods} pods ({because}) × {workers} workers × {pool.most} connections = {wanted}, of {allowed}",
        fix="# with no overflow; or fewer pods, or a pooler such as PgBouncer\n"
        + container_fix(facts, env=[_variable(pool.size, size), *overflow]),
    )


def more_than_the_spec_says(facts: Facts) -> Violation | None:
    """The operator counts connectionsPerPod for each pod: where a pod opens more, the budget does not hold."""
    pool, database = facts.database.pool, None if facts.tuning is None else facts.tuning.spec.database
    if pool is None or database is None:
        return None
    workers = facts.server.launch.workers or 1
    opened = workers * pool.most
    if opened <= database.connections_per_pod:
        return None
    return Violation(
        evidence=f"{workers} workers × {pool.most} connections ({pool.size.origin}) = {opened} a pod, "
        f"spec.database.connectionsPerPod is {database.connections_per_pod}",
        fix=tuning_fix(facts, database={"connectionsPerPod": opened}),
    )


def _allowed(facts: Facts) -> int | None:
    """What was asked about, else what the operator holds all pods of the database to."""
    database = None if facts.tuning is None else facts.tuning.spec.database
    if facts.database.max_connections is not None or database is None:
        return facts.database.max_connections
    return database.budget_connections


def _variable(setting: Setting, value: int) -> dict[str, str]:
    return {"name": setting.origin.partition("=")[0], "value": str(value)}


def _not_known(facts: Facts) -> Unread | None:
    """Nothing is said of an app that no variable connects with a database."""
    if facts.database.mentioned_by is None:
        return None
    return Unread(
        id="unread-database-pool",
        what="The size of the database pool",
        why=f"{facts.database.mentioned_by} names a database, and no variable of the container the size of its pool",
        fix=variable_fix(facts, "DATABASE_POOL_SIZE", 10) + "   # read by the app's own settings",
    )


def _most_pods(facts: Facts) -> tuple[int, str]:
    """(how many pods there may be, what says so)"""
    found = [] if isinstance(facts.autoscalers, Unread) else list(facts.autoscalers)
    most = max((each for each in found if each.max_replicas is not None), key=_max_of, default=None)
    if most is not None and _max_of(most) >= facts.replicas:
        return _max_of(most), f"{most.kind} {most.name}"
    tuning = facts.tuning
    if tuning is not None and mode_of(tuning.spec, Knob.REPLICAS) is Mode.AUTO:
        database, greatest = tuning.spec.database, tuning.spec.replicas.max
        if database is not None and database.budget_connections < greatest * database.connections_per_pod:
            fitting = database.budget_connections // database.connections_per_pod
            return max(facts.replicas, fitting), f"spec.database of {tuning.name}"
        return max(facts.replicas, greatest), f"replicas.max of {tuning.name}"
    return facts.replicas, "replicas"


def _max_of(autoscaler: Autoscaler) -> int:
    return autoscaler.max_replicas or 0
