"""Open-loop load: requests leave at times drawn beforehand, whatever the answers do.

A closed loop (wrk, hey, Locust users) waits for an answer before it asks again: it slows down with the service
and hides the very queue that a tuning has to remove. Here latency counts from the scheduled time, and a request
that fails, times out or could not be sent is a bad one, never a missing one.
"""
