// Logs in with the Go client that openapi-generator makes, playing browser and phone.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"

	"example.com/login/saoma"
)

func main() {
	server, name := "http://127.0.0.1:3000", "Ann"
	if len(os.Args) == 3 {
		server, name = os.Args[1], os.Args[2]
	}
	settings := saoma.NewConfiguration()
	settings.Servers = saoma.ServerConfigurations{{URL: server}}
	api := saoma.NewAPIClient(settings)
	anybody := context.Background()

	// The browser opens a session and follows it.
	session := must(api.BrowserAPI.OpenSession(anybody).Execute())
	browser := bearing(session.GetSecret())
	follow := api.BrowserAPI.FollowSession(browser, session.SessionId)
	_, cursor := until(saoma.EVENTKIND_PENDING, follow.Cursor(0))

	// The phone scans the code and confirms.
	request := saoma.NewScanRequest("sim:" + name)
	scanned := must(api.PhoneAPI.Scan(anybody, session.Scene).ScanRequest(*request).Execute())
	_, cursor = until(saoma.EVENTKIND_SCANNED, follow.Cursor(cursor))
	confirm := api.PhoneAPI.Confirm(bearing(scanned.PhoneToken), session.Scene)
	must(confirm.Confirmation(*saoma.NewConfirmation()).Execute())

	// The browser hears of it and exchanges its ticket for a token: once.
	confirmed, _ := until(saoma.EVENTKIND_CONFIRMED, follow.Cursor(cursor))
	ticket := saoma.NewTicket(confirmed.GetTicket())
	redeem := api.BrowserAPI.RedeemToken(browser, session.SessionId).Ticket(*ticket)
	token := must(redeem.Execute())
	fmt.Println("logged in:", token.User.Name)
	_, _, err := redeem.Execute()
	var refused *saoma.GenericOpenAPIError
	if errors.As(err, &refused) {
		if problem, ok := refused.Model().(saoma.Problem); ok {
			fmt.Println("again:", problem.Status, problem.Code)
		}
	}
}

// bearing makes calls show this token.
func bearing(token string) context.Context {
	return context.WithValue(context.Background(), saoma.ContextAccessToken, token)
}

// until tells what the next event of this type is about, and the cursor behind it.
func until(kind saoma.EventKind, follow saoma.ApiFollowSessionRequest) (saoma.EventData, int64) {
	for {
		answer := must(follow.Execute())
		for _, event := range answer.Events {
			if event.Type == kind {
				return event.Data, event.GetId()
			}
		}
		if answer.Done {
			log.Fatalf("the session ended without %s", kind)
		}
		follow = follow.Cursor(answer.Cursor)
	}
}

// must is the answer, or the end.
func must[T any](answer T, _ *http.Response, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return answer
}
