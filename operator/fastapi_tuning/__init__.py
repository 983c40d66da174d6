"""Tunes FastAPI services on Kubernetes to a latency objective at least cost."""

__version__ = "0.1.0"
