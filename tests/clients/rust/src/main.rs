//! Logs in with the client that progenitor makes, playing browser and phone.

use std::env;
use std::error::Error;
use std::num::NonZeroU64;

use futures::TryStreamExt;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};

use saoma::Client;
use saoma::types::{Confirmation, Event, EventKind, Open, Problem, ScanRequest, Ticket};

mod saoma {
    progenitor::generate_api!("saoma.json");
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let server = arguments.next().unwrap_or_else(|| "http://127.0.0.1:3000".to_owned());
    let name = arguments.next().unwrap_or_else(|| "Ann".to_owned());
    let anybody = Client::new(&server);

    // The browser opens a session and follows it.
    let session = anybody.open_session(&Open::default()).await?.into_inner();
    let browser = bearing(&server, &session.secret.unwrap_or_default())?;
    let id = &session.session_id;
    let mut cursor = 0;
    until(EventKind::Pending, &browser, id, &mut cursor).await?;

    // The phone scans the code and confirms.
    let request = ScanRequest { login_code: format!("sim:{name}").parse()?, entry_scene: None };
    let scanned = anybody.scan(&session.scene, &request).await?.into_inner();
    let phone = bearing(&server, &scanned.phone_token)?;
    until(EventKind::Scanned, &browser, id, &mut cursor).await?;
    phone.confirm(&session.scene, &Confirmation::default()).await?;

    // The browser hears of it and exchanges its ticket for a token: once.
    let confirmed = until(EventKind::Confirmed, &browser, id, &mut cursor).await?;
    let ticket = Ticket { ticket: confirmed.data.ticket.unwrap_or_default().parse()? };
    let token = browser.redeem_token(id, &ticket).await?;
    println!("logged in: {}", token.user.name);
    if let Err(saoma::Error::ErrorResponse(refused)) = browser.redeem_token(id, &ticket).await {
        let body: Vec<_> = refused.into_inner().into_inner().try_collect().await?;
        let problem: Problem = serde_json::from_slice(&body.concat())?;
        println!("again: {} {}", problem.status, problem.code);
    }
    Ok(())
}

/// A client that shows this token.
fn bearing(server: &str, token: &str) -> Result<Client, Box<dyn Error>> {
    let bearer = HeaderValue::try_from(format!("Bearer {token}"))?;
    let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
    let client = reqwest::Client::builder().default_headers(headers).build()?;
    Ok(Client::new_with_client(server, client))
}

/// The next event of this type, and the cursor after it; long-polls until there is one.
async fn until(
    kind: EventKind,
    browser: &Client,
    session_id: &str,
    cursor: &mut u64,
) -> Result<Event, Box<dyn Error>> {
    loop {
        let after = Some((*cursor).try_into()?);
        let answer = browser.follow_session(session_id, after, None, None, None).await?;
        for event in &answer.events {
            *cursor = event.id.map_or(*cursor, NonZeroU64::get);
            if event.type_ == kind {
                return Ok(event.clone());
            }
        }
        if answer.done {
            return Err(format!("the session ended without {kind}").into());
        }
    }
}
