"""Which cluster the command line talks to, and one object of it."""

import os

from kubernetes.aio import config
from kubernetes.aio.client import ApiClient

from fastapi_tuning.api.tuning import GROUP, PLURAL, VERSION, FastAPITuning, UnreadableTuning, tuning_of
from fastapi_tuning.api_server import KubernetesApi, resource_path
from fastapi_tuning.errors import CannotStart, NotFound


async def configure_client() -> None:
    """In a pod by the service account, elsewhere by the kubeconfig; a kubeconfig that KUBECONFIG names goes first.

    Raises:
        CannotStart: neither is there.
    """
    try:
        if "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ:
            config.load_incluster_config()  # type: ignore[no-untyped-call]  # the client ships it without types
        else:
            await config.load_kube_config()  # type: ignore[no-untyped-call]
    except config.ConfigException as error:
        raise CannotStart(f"no cluster to talk to: {error}") from error


async def read_tuning(namespace: str, name: str) -> FastAPITuning:
    """One object as the API server has it.

    Raises:
        CannotStart: no cluster is configured.
        NotFound: no such object.
        InvalidTuning: its spec is not one of ours.
        TargetUnavailable: the API server gave no answer.
    """
    await configure_client()
    async with ApiClient() as client:
        try:
            path = resource_path(f"{GROUP}/{VERSION}", PLURAL, namespace=namespace, name=name)
            tuning = tuning_of(await KubernetesApi(client).get(path))
        except NotFound as error:
            raise NotFound(f"no FastAPITuning {name} in namespace {namespace}: {error}") from error
    if isinstance(tuning, UnreadableTuning):
        raise tuning.problem
    return tuning
