"""What standardwebhooks, a library that others wrote, says of each call: a line of JSON each."""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

for line in sys.stdin:
    call = json.loads(line)
    secret = call["secret"]
    webhook = Webhook(secret if secret.startswith("whsec_") else secret.encode())
    try:
        webhook.verify(call["body"], call["headers"])
        print("true")
    except WebhookVerificationError:
        print("false")
