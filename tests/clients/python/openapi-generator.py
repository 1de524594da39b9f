"""Logs in with the Python client that openapi-generator makes, playing browser and phone."""

import sys
from collections.abc import Iterator

from saoma_client import ApiClient, ApiException, BrowserApi, Configuration, PhoneApi
from saoma_client.models import Confirmation, Event, EventData, EventKind, Problem, ScanRequest, Ticket


def main(server: str = "http://127.0.0.1:3000", name: str = "Ann") -> None:
    def bearing(token: str | None = None) -> ApiClient:
        return ApiClient(Configuration(host=server, access_token=token))

    # The browser opens a session and follows it.
    session = BrowserApi(bearing()).open_session()
    browser = BrowserApi(bearing(session.secret))
    events = follow(browser, session.session_id)
    until(EventKind.PENDING, events)

    # The phone scans the code and confirms.
    scanned = PhoneApi(bearing()).scan(session.scene, ScanRequest(login_code=f"sim:{name}"))
    until(EventKind.SCANNED, events)
    PhoneApi(bearing(scanned.phone_token)).confirm(session.scene, Confirmation())

    # The browser hears of it and exchanges its ticket for a token: once.
    ticket = Ticket(ticket=str(until(EventKind.CONFIRMED, events).ticket))
    token = browser.redeem_token(session.session_id, ticket)
    print(f"logged in: {token.user.name}")
    try:
        browser.redeem_token(session.session_id, ticket)
    except ApiException as refused:
        if isinstance(refused.data, Problem):
            print(f"again: {refused.data.status} {refused.data.code}")


def follow(browser: BrowserApi, session_id: str) -> Iterator[Event]:
    """The events of a session, by long-polling."""
    cursor, done = 0, False
    while not done:
        answer = browser.follow_session(session_id, cursor=cursor)
        yield from answer.events
        cursor, done = answer.cursor, answer.done


def until(kind: EventKind, events: Iterator[Event]) -> EventData:
    """What the next event of this type is about."""
    return next(event.data for event in events if event.type == kind)


main(*sys.argv[1:])
