// Logs in with the Java client that openapi-generator makes, playing browser and phone.

import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.BrowserApi;
import org.openapitools.client.api.PhoneApi;
import org.openapitools.client.model.*;

public class Login {
  public static void main(String[] args) throws Exception {
    var server = args.length > 0 ? args[0] : "http://127.0.0.1:3000";
    var name = args.length > 1 ? args[1] : "Ann";

    // The browser opens a session and follows it.
    var session = new BrowserApi(bearing(server, null)).openSession(new Open());
    var browser = new BrowserApi(bearing(server, session.getSecret()));
    var pending = until(EventKind.PENDING, browser, session, 0L);

    // The phone scans the code and confirms.
    var request = new ScanRequest().loginCode("sim:" + name);
    var phoneToken = new PhoneApi(bearing(server, null)).scan(session.getScene(), request).getPhoneToken();
    var scanned = until(EventKind.SCANNED, browser, session, pending.getId());
    new PhoneApi(bearing(server, phoneToken)).confirm(session.getScene(), new Confirmation());

    // The browser hears of it and exchanges its ticket for a token: once.
    var confirmed = until(EventKind.CONFIRMED, browser, session, scanned.getId());
    var ticket = new Ticket().ticket(confirmed.getData().getTicket());
    var token = browser.redeemToken(session.getSessionId(), ticket);
    System.out.println("logged in: " + token.getUser().getName());
    try {
      browser.redeemToken(session.getSessionId(), ticket);
    } catch (ApiException refused) {
      var problem = ApiClient.createDefaultObjectMapper().readValue(refused.getResponseBody(), Problem.class);
      System.out.println("again: " + problem.getStatus() + " " + problem.getCode());
    }
  }

  /** A client that shows this token. */
  static ApiClient bearing(String server, String token) {
    var client = new ApiClient();
    client.updateBaseUri(server);
    if (token != null) client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + token));
    return client;
  }

  /** The next event of this type; long-polls until there is one. */
  static Event until(EventKind type, BrowserApi browser, Session session, long cursor) throws ApiException {
    while (true) {
      var answer = browser.followSession(session.getSessionId(), cursor, null, null, null);
      for (var event : answer.getEvents()) {
        if (event.getType() == type) return event;
      }
      if (answer.getDone()) throw new IllegalStateException("the session ended without " + type);
      cursor = answer.getCursor();
    }
  }
}
