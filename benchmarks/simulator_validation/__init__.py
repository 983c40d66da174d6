"""The simulator against the real thing: the same app, load and setting on a cluster and in the model."""
