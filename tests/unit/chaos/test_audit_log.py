"""What the operator wrote is read from the API server's log, and a repeated action is seen."""

import json
from pathlib import Path
from typing import Any

from dev.chaos.audit_log import read_writes, repeated, writes_of

OPERATOR, SHOP = "system:serviceaccount:system:operator", "shop"
NOON = "2026-01-01T12:00:00.000000Z"


def event(*, user: str = OPERATOR, namespace: str = SHOP, code: int = 200, **fields: Any) -> str:
    scale = {"resource": "deployments", "subresource": "scale", "name": "checkout", "namespace": namespace}
    return json.dumps(
        {
            "user": {"username": user},
            "objectRef": scale,
            "responseStatus": {"code": code},
            "requestReceivedTimestamp": NOON,
            "requestObject": {"metadata": {"resourceVersion": "7"}, "spec": {"replicas": 3}},
            **fields,
        }
    )


def test_a_write_is_told_by_its_object_and_what_it_asks_for() -> None:
    (write,) = writes_of([event()], user=OPERATOR, namespace=SHOP)
    assert (write.path, json.loads(write.body)["spec"]) == ("deployments/checkout/scale", {"replicas": 3})
    assert write.seconds == 1_767_268_800.0
    assert write.is_scale


def test_writes_of_others_elsewhere_and_such_as_were_refused_do_not_count() -> None:
    lines = [event(user="kubelet"), event(namespace="kube-system"), event(code=409)]
    assert list(writes_of(lines, user=OPERATOR, namespace=SHOP)) == []


def test_the_same_asked_twice_in_a_row_is_a_repetition_whatever_guards_it() -> None:
    again = {"metadata": {"resourceVersion": "8"}, "spec": {"replicas": 3}}
    writes = list(writes_of([event(), event(requestObject=again)], user=OPERATOR, namespace=SHOP))
    assert repeated(writes) == (writes[1],)


def test_back_and_forth_is_no_repetition() -> None:
    other = {"spec": {"replicas": 4}}
    lines = [event(), event(requestObject=other), event()]
    assert repeated(list(writes_of(lines, user=OPERATOR, namespace=SHOP))) == ()


def test_a_line_that_is_still_being_written_is_left_out(tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    log.write_text(event() + "\n" + event()[:40])
    assert len(read_writes(log, user=OPERATOR, namespace=SHOP)) == 1
