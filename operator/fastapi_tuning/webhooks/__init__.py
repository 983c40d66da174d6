"""Admission: the agent is put into new pods of the workloads that ask for it. Nothing here may ever keep a pod away."""
