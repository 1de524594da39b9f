"""Logs in with the client that openapi-python-client makes, playing browser and phone."""

import sys
from collections.abc import Iterator
from typing import TypeVar

from saoma_client import AuthenticatedClient, Client
from saoma_client.api.browser import follow_session, open_session, redeem_token
from saoma_client.api.phone import confirm, scan
from saoma_client.models import Confirmation, Event, EventData, EventKind, Problem, ScanRequest, Ticket

T = TypeVar("T")


def main(server: str = "http://127.0.0.1:3000", name: str = "Ann") -> None:
    # The browser opens a session and follows it.
    anybody = Client(base_url=server)
    session = told(open_session.sync(client=anybody))
    browser = AuthenticatedClient(base_url=server, token=str(session.secret))
    events = follow(browser, session.session_id)
    until(EventKind.PENDING, events)

    # The phone scans the code and confirms.
    scanned = told(scan.sync(session.scene, client=anybody, body=ScanRequest(login_code=f"sim:{name}")))
    until(EventKind.SCANNED, events)
    phone = AuthenticatedClient(base_url=server, token=scanned.phone_token)
    told(confirm.sync(session.scene, client=phone, body=Confirmation()))

    # The browser hears of it and exchanges its ticket for a token: once.
    ticket = Ticket(ticket=str(until(EventKind.CONFIRMED, events).ticket))
    token = told(redeem_token.sync(session.session_id, client=browser, body=ticket))
    print(f"logged in: {token.user.name}")
    again = redeem_token.sync(session.session_id, client=browser, body=ticket)
    if isinstance(again, Problem):
        print(f"again: {again.status} {again.code}")


def follow(browser: AuthenticatedClient, session_id: str) -> Iterator[Event]:
    """The events of a session, by long-polling."""
    cursor, done = 0, False
    while not done:
        answer = told(follow_session.sync(session_id, client=browser, cursor=cursor))
        yield from answer.events
        cursor, done = answer.cursor, answer.done


def until(kind: EventKind, events: Iterator[Event]) -> EventData:
    """What the next event of this type is about."""
    return next(event.data for event in events if event.type_ == kind)


def told(answer: T | Problem | None) -> T:
    """The answer; a problem is raised."""
    if answer is None or isinstance(answer, Problem):
        raise RuntimeError(f"{answer.code}: {answer.detail}" if answer else "no answer")
    return answer


main(*sys.argv[1:])
