"""Does the operator say what limits a service? Asked of services that are broken on purpose, on a cluster."""
