"""Locust users for the sample app: `locust -f sample_app/locustfile.py --host http://127.0.0.1:8000`.

A user waits for its answer before it goes on, so this is a closed loop: good to explore, and no measure of what
a service does when more arrives than it can answer. For that there is `python -m fastapi_tuning.load`.
"""

# Locust is installed by whoever wants to use this file, and only then has types:
# mypy: disable-error-code="import-not-found,misc,untyped-decorator,no-untyped-call,unused-ignore"

from random import choice

from locust import HttpUser, between, task

ITEMS = ["apple", "pear", "plum", "quince"]


class Customer(HttpUser):
    """A visitor who mostly looks, sometimes orders, and rarely asks for something expensive."""

    weight = 9
    wait_time = between(1, 3)

    @task(10)
    def look_at_an_item(self) -> None:
        self.client.get("/cached", params={"item": choice(ITEMS)}, name="/cached")

    @task(5)
    def check_out(self) -> None:
        self.client.get("/sync-slow")

    @task(3)
    def list_orders(self) -> None:
        self.client.get("/database")

    @task(3)
    def follow_a_parcel(self) -> None:
        self.client.get("/external")

    @task(2)
    def wait_for_news(self) -> None:
        self.client.get("/async")

    @task(1)
    def ask_for_a_report(self) -> None:
        self.client.get("/cpu")


class Mistake(HttpUser):
    """The two endpoints that are bad on purpose; leave this class out to see what they cost the others."""

    weight = 1
    wait_time = between(1, 3)

    @task
    def block_the_event_loop(self) -> None:
        self.client.get("/blocking")

    @task
    def make_a_client_for_each_request(self) -> None:
        self.client.get("/external-bad")
