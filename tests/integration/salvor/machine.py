# SPDX-License-Identifier: Apache-2.0
"""A recovery client on the wire, without a system to recover."""

import uuid

from . import schema

UNSET = object()


def new_boot():
    return str(uuid.uuid4())


class Machine:
    def __init__(self, server, id, plane):
        self.server = server
        self.id = id
        self.plane = plane
        self.token = None
        self.boot = new_boot()
        self.facts = {}
        self.offer = None

    def __repr__(self):
        return self.id

    @property
    def authorization(self):
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    # ---- enrollment ----

    def try_enroll(self, token, facts=None):
        body = {"machine_id": self.id}
        if facts is not None:
            body["facts"] = facts
        return self.plane.post("/v1/enroll", body, headers={"Authorization": f"Bearer {token}"} if token else {})

    def enroll(self, token, facts=None):
        reply = self.try_enroll(token, facts)
        assert reply.status == 201, reply
        answer = schema.check("enroll-response", reply.json())
        assert answer["machine_id"] == self.id
        self.token = answer["machine_token"]
        return self

    # ---- polls ----

    def reboot(self):
        self.boot = new_boot()
        return self

    def poll_body(self, reason="boot_failure", facts=None, **more):
        return {"machine_id": self.id, "boot_id": self.boot, "reason": reason,
                "facts": self.facts if facts is None else facts, **more}

    def try_poll(self, reason="boot_failure", facts=None, headers=None, plane=None, **more):
        return (plane or self.plane).post("/v1/poll", self.poll_body(reason, facts, **more),
                                          headers={**self.authorization, **(headers or {})})

    def poll(self, reason="boot_failure", facts=None, **more):
        """-> the answer, checked against its schema"""
        reply = self.try_poll(reason, facts, **more)
        assert reply.status == 200, reply
        assert reply.headers["X-Request-Id"]
        answer = schema.check("poll-response", reply.json())
        if answer["directive"] == "apply":
            assert answer["reason"] == "offered"
            self.offer = answer["offer"]
        return answer

    def says(self, **kw):
        """What a poll answers, in short: (directive, reason)."""
        answer = self.poll(**kw)
        return answer["directive"], answer["reason"]

    def take(self, **kw):
        """Polls and must be offered something; keeps and returns the offer."""
        answer = self.poll(**kw)
        assert answer["directive"] == "apply", answer
        return answer["offer"]

    # ---- reports ----

    def report_body(self, stage, offer=UNSET, boot=None, **more):
        offer_id = self.offer["offer_id"] if offer is UNSET else offer
        return {"machine_id": self.id, "boot_id": boot or self.boot, "offer_id": offer_id, "stage": stage, **more}

    def try_report(self, stage, offer=UNSET, boot=None, **more):
        return self.plane.post("/v1/report", self.report_body(stage, offer, boot, **more), headers=self.authorization)

    def report(self, stage, **kw):
        """-> (accepted, state)"""
        reply = self.try_report(stage, **kw)
        assert reply.status == 200, reply
        answer = schema.check("report-response", reply.json())
        return answer["accepted"], answer["state"]
