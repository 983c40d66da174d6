"""`make fuzz` runs what is here with the profile `fuzz`: fifty times the examples of an ordinary run."""

from datetime import timedelta

from hypothesis import settings

settings.register_profile("fuzz", max_examples=5000, deadline=timedelta(seconds=2), print_blob=True)
