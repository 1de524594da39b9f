"""What schemathesis does not know of the API: who may call what, on which session. And the cases that
are not to be made, each with its reason."""

import json
import os
import random
import urllib.request

import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import TestPhase

BASE = os.environ["SAOMA_URL"]
KEY = os.environ["SAOMA_KEY"]
FORM = "application/x-www-form-urlencoded"
dice = random.Random(1)


def call(method, path, token=None, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(BASE + path, data, method=method)
    if data is not None:
        request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read()
        return json.loads(text) if text else None


def opened():
    return call("POST", "/v1/sessions", body={"messages": dice.random() < 0.5})


def scanned():
    session = opened()
    path = f"/v1/scenes/{session['scene']}/scan"
    return session, call("POST", path, body={"login_code": "sim:Alice"})["phone_token"]


def confirmed():
    session, token = scanned()
    call("POST", f"/v1/scenes/{session['scene']}/confirm", token)
    path = f"/v1/sessions/{session['session_id']}/events?wait=0"
    events = call("GET", path, session["secret"])["events"]
    return session, next(e["data"]["ticket"] for e in events if e["type"] == "confirmed")


def holder():
    session, ticket = confirmed()
    path = f"/v1/sessions/{session['session_id']}/token"
    return call("POST", path, session["secret"], {"ticket": ticket})["access_token"]


def path_of(case):
    return case.operation.path


def wrong(case, location):
    """Whether this part of the case is wrong on purpose."""
    return case.meta is not None and case.meta.is_negative_at(location)


@schemathesis.auth(refresh_interval=None)
class Credentials:
    """Whoever may call an operation, on a session that is there, more often than not."""

    def get(self, case, context):
        ways = {name for way in context.operation.definition.raw["security"] for name in way}
        path = path_of(case)
        if "apiKey" in ways:
            session, ticket = confirmed() if "redeem" in path else (opened(), None)
            return KEY, session, ticket
        if "userToken" in ways:
            return holder(), None, None
        if "phoneToken" in ways:
            session, token = scanned()
            return token, session, None
        if "sessionSecret" in ways:
            session, ticket = confirmed() if "token" in path else (opened(), None)
            return session["secret"], session, ticket
        return None, opened(), None

    def set(self, case, data, context):
        token, session, ticket = data
        if token:
            case.headers["Authorization"] = f"Bearer {token}"
        if session and not wrong(case, ParameterLocation.PATH):
            # What was opened a moment ago is asked for again, and is to be there.
            follows = case.meta is not None and case.meta.phase.name == TestPhase.STATEFUL
            there = follows or dice.random() < 0.8
            for name in ("session_id", "scene"):
                if name in case.path_parameters:
                    # A scene's alphabet is in its description alone: of a `pattern`, generators
                    # for Rust make a type that every caller would have to fill.
                    case.path_parameters[name] = session[name] if there else "nobody's"
        if path_of(case).endswith("/callback") and not wrong(case, ParameterLocation.QUERY):
            case.query["state"] = session["scene"]
        if ticket and not wrong(case, ParameterLocation.BODY) and dice.random() < 0.5:
            case.body = {"ticket": ticket}


@schemathesis.hook
def filter_case(context, case):
    # null for a body that may be left out: openapi-generator's Rust clients send it for none.
    if case.body is None and case.operation.definition.raw["operationId"] in ("openSession", "confirm"):
        return False
    # A parameter that is there twice is refused (RFC 6749, section 3.1). OpenAPI knows no word for
    # it but `additionalProperties`, of which generators make maps.
    if case.media_type == FORM and isinstance(case.body, dict):
        return not any(isinstance(value, (list, dict)) for value in case.body.values())
    return True


@schemathesis.hook
def before_call(context, case, kwargs):
    """Nobody waits for events that do not come."""
    if path_of(case).endswith("/events") and case.method.upper() == "GET":
        if not wrong(case, ParameterLocation.QUERY):
            case.query = {**(case.query or {}), "wait": 0}
