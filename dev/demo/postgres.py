"""A PostgreSQL in a namespace, for measurements that need a real database. Needs the image `postgres`."""

from pathlib import Path

from dev.demo.kubectl import Kubectl

MANIFEST = Path(__file__).with_name("postgres.yaml")
MAX_CONNECTIONS = 100
"""PostgreSQL's own default."""


def install_postgres(
    kubectl: Kubectl, namespace: str, *, registry: str = "localhost", max_connections: int = MAX_CONNECTIONS
) -> str:
    """Deploy it, wait until it answers, and return its SQLAlchemy URL."""
    manifest = MANIFEST.read_text().replace("${POSTGRES_IMAGE}", f"{registry}/postgres:dev")
    manifest = manifest.replace("${MAX_CONNECTIONS}", str(max_connections))
    kubectl.run("apply", "--namespace", namespace, "--filename=-", manifest=manifest)
    kubectl.await_rollout(namespace, "postgres")
    return url_of(namespace)


def url_of(namespace: str) -> str:
    """Where an app finds it."""
    return f"postgresql+psycopg://app@postgres.{namespace}.svc/postgres"
