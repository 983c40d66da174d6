"""The version, in a module of its own: the metrics need it while the package is still being imported."""

__version__ = "0.1.0"
