#!/usr/bin/env python3
"""A small service that decides who logs in, for `directory = "hook"`. Needs nothing but Python.

    HOOK_SECRET=whsec_… python3 examples/hook_service.py 127.0.0.1:8080

With SAOMA_URL and API_KEY it greets the browser of whoever has signed up. See docs/hook.md.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

SECRET = os.environ["HOOK_SECRET"]
# Whom this service knows: a database in life.
PEOPLE = {"Alice": {"id": "1", "name": "Alice Liddell"}}
BLOCKED = {"Mallory"}
# What was answered to which call: a second try gets the same answer, and does nothing twice.
ANSWERS = {}


def is_from_saoma(secret, headers, body):
    key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    call, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    signed = hmac.new(key, f"{call}.{sent}.".encode() + body, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(signed).decode()
    good = hmac.compare_digest(expected.encode(), headers.get("webhook-signature", "").encode())
    return good and abs(time.time() - int(sent)) < 300


def decide(question):
    who = question["identity"]["subject"]
    if who in BLOCKED:
        return {"refused": {"reason": "This account is locked. Ask at the desk."}}
    if question["type"] == "register" and who not in PEOPLE:
        PEOPLE[who] = {"id": str(len(PEOPLE) + 1), "name": question["name"]}
        tell(question["session_id"], {"type": "message", "body": {"hello": question["name"]}})
    if who not in PEOPLE:
        return {"registered": False}
    return {"registered": True, "user": PEOPLE[who], "claims": {"role": "staff"}}


def tell(session_id, event):
    """Sends an event to a session, wherever it is held."""
    if "API_KEY" not in os.environ:
        return
    request = urllib.request.Request(
        f"{os.environ['SAOMA_URL']}/v1/sessions/{session_id}/events",
        json.dumps(event).encode(),
        {"Authorization": f"Bearer {os.environ['API_KEY']}", "Content-Type": "application/json"},
    )
    try:
        urllib.request.urlopen(request, timeout=1).close()
    except OSError as error:
        # Whoever is not greeted is logged in all the same.
        print(error, file=sys.stderr)


class Service(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if not is_from_saoma(SECRET, self.headers, body):
            return self.answer(401, {})
        call, now = self.headers["webhook-id"], time.time()
        for old in [id for id, (at, _) in ANSWERS.items() if now - at > 600]:
            del ANSWERS[old]
        if call not in ANSWERS:
            ANSWERS[call] = (now, decide(json.loads(body)))
        self.answer(200, ANSWERS[call][1])

    def answer(self, status, answer):
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


host, _, port = sys.argv[1].rpartition(":")
# One call at a time: a second try finds what the first was answered.
server = HTTPServer((host, int(port)), Service)
print(f"listening on http://{host}:{server.server_port}", flush=True)
server.serve_forever()
