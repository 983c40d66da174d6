"""`python -m dev.chaos`: break what the operator depends on, one thing at a time, and see what becomes of a service.

path       a TCP path that can be broken: to the API server and to Prometheus
stage      operator, both paths, a service that needs several pods, and its load
faults     what is broken, how, and for how long
record     what is seen each second meanwhile
audit_log  what the operator wrote, from the API server's audit log
verdict    whether it was all right (pure)
table      as Markdown (pure)
"""
