"""The development cluster: a real Kubernetes on one bare machine, without a container engine or an image registry.

Runs before any virtual environment exists, so it uses the standard library only. Start at ``__main__`` (the verbs),
then ``layout`` (where everything lives) and ``lifecycle`` (the order of things).
"""
