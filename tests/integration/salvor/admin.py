# SPDX-License-Identifier: Apache-2.0
"""An operator: calls of the admin plane, with a grant where one is asked for, and the life of a campaign."""

import hashlib
import json

from . import campaign as c
from . import keys
from .wait import until

API = "/api/v1"


class Admin:
    def __init__(self, server, client, key):
        self.server = server
        self.client = client
        self.key = key

    # ---- grants ----

    def ask_grant(self, method, path, body=b"", reason="test"):
        return self.client.post(f"{API}/elevations", {"method": method, "path": path, "reason": reason,
                                                      "body_sha256": hashlib.sha256(body).hexdigest()})

    def grant(self, method, path, body=b"", key=None):
        """Value of the header Salvor-Elevation for exactly this request."""
        reply = self.ask_grant(method, path, body)
        assert reply.status == 201, reply
        answer = reply.json()
        return f"{answer['id']}.{keys.elevation_proof(key or self.key, answer['challenge'])}"

    def elevated(self, method, path, body=None, content_type=None):
        """Asks for the grant first, whatever the server would say without one."""
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        header = self.grant(method, API + path, data)
        return self.client.request(method, API + path, data if body is not None else None,
                                   headers={"Salvor-Elevation": header}, content_type=content_type)

    def act(self, method, path, body=None):
        """Like salvorctl: tries, and asks for a grant when the server says that it takes one."""
        data = None if body is None else json.dumps(body).encode()
        reply = self.client.request(method, API + path, data)
        if reply.status == 403 and reply.slug == "elevation-required":
            reply = self.elevated(method, path, data)
        return reply

    # ---- plain calls ----

    def get(self, path):
        reply = self.client.get(API + path)
        assert reply.status == 200, (path, reply)
        return reply.json()

    def items(self, path):
        """Every item of a list, page by page."""
        found, cursor = [], None
        while True:
            page = self.get(path + (("&" if "?" in path else "?") + f"cursor={cursor}" if cursor else ""))
            found += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    # ---- campaigns ----

    def create(self, payload):
        """-> Campaign in state draft"""
        data = payload if isinstance(payload, bytes) else c.dumps(payload)
        reply = self.client.post(f"{API}/campaigns", data)
        assert reply.status == 201, reply
        value = json.loads(data)
        return Campaign(self, value["id"], value["version"], data)

    def ready(self, payload, authors=2):
        """Created and signed."""
        campaign = self.create(payload)
        for key in self.server.domain.authors(authors):
            reply = campaign.sign(key)
            assert reply.status in (200, 201), reply
        return campaign

    def started(self, payload):
        campaign = self.ready(payload)
        campaign.start()
        return campaign

    def kill_switch(self, engaged):
        reply = self.act("PUT", "/kill-switch", {"engaged": engaged, "reason": "test"})
        assert reply.status == 200 and reply.json()["engaged"] is engaged, reply


class Campaign:
    def __init__(self, admin, id, version, payload):
        self.admin = admin
        self.id = id
        self.version = version
        self.payload = payload
        self.path = f"/campaigns/{id}/{version}"

    def __repr__(self):
        return f"{self.id}@{self.version}"

    def sign(self, key):
        return self.admin.client.post(API + self.path + "/signatures", keys.signature(key, self.payload))

    def do(self, verb, **body):
        """One act of the life cycle with whatever grant it takes -> Reply"""
        return self.admin.act("POST", f"{self.path}/{verb}", {"reason": f"test {verb}", **body})

    def must(self, verb, **body):
        reply = self.do(verb, **body)
        assert reply.status == 200, (verb, reply)
        return reply.json()

    def start(self):
        return self.must("start")

    def get(self):
        return self.admin.get(self.path)

    @property
    def state(self):
        return self.get()["state"]

    def becomes(self, state, seconds=10):
        until(lambda: self.state == state, f"{self} is {state}", seconds)

    def decisions(self, verdict=None):
        found = self.admin.items(self.path + "/decisions")
        return [d for d in found if verdict in (None, d["verdict"])]

    def halt_id(self):
        """Id of the newest halt decision."""
        return self.decisions("halt")[-1]["id"]

    def offers(self, state=None):
        return self.admin.items(self.path + "/offers" + (f"?state={state}" if state else ""))

    def offer(self, offer_id):
        return next(o for o in self.offers() if o["offer_id"] == offer_id)

    def rings(self):
        """Rings of the export, by name."""
        export = self.admin.server.export()
        mine = next(x for x in export["campaigns"] if (x["id"], x["version"]) == (self.id, self.version))
        return {r["name"]: r for r in mine["rings"]}

    def open_rings(self):
        return [name for name, ring in self.rings().items() if ring["open"]]

    def envelope(self):
        reply = self.admin.client.get(API + self.path + "/envelope")
        assert reply.status == 200, reply
        return reply.body
