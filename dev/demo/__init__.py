"""The demonstration: a badly tuned service under load, and the operator that mends it."""
