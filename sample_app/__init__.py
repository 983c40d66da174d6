"""A FastAPI service that shows, endpoint by endpoint, what a tuning has to deal with."""
