"""An Errand function in Python, with its standard library only.

    from errand_function import Fatal, RetryAfter, Worker, serve

    def send(args, call):
        return {"sent": args["to"]}

    serve([Worker("mail.send", send)], port=8080)

The coordinator calls `POST /mail/send` with a signed body; the answer is the receipt of the attempt. See docs/any-language.md.
"""

import base64
import binascii
import concurrent.futures
import hashlib
import hmac
import json
import os
import threading
import time
import traceback
import urllib.error
import urllib.request
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_SECONDS = 5 * 60
MAX_BODY_BYTES = 8 * 1024 * 1024


class Fatal(Exception):
    """Raised by a worker: the attempt failed, and trying again would not help."""


class RetryAfter(Exception):
    """Raised by a worker: try again after so many seconds, such as an API's own Retry-After."""

    def __init__(self, seconds):
        super().__init__(f"try again after {seconds} seconds")
        self.seconds = int(seconds)


class Worker:
    """`run(args, call)` gives the result, as anything that JSON can say. `posted` is for work that takes longer than a request may."""

    def __init__(self, name, run, posted=False):
        self.name = name
        self.run = run
        self.posted = posted


def signature_problem(keys, headers, body, now):
    """What is wrong with a signed request, or None. Standard Webhooks: HMAC-SHA256 of `id.timestamp.body`, by any of the keys."""
    message_id = headers.get("webhook-id") or ""
    timestamp = headers.get("webhook-timestamp") or ""
    if not message_id or not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        return "The headers webhook-id, webhook-timestamp and webhook-signature are missing."
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return "The timestamp of the request is more than 5 minutes off."
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = [hmac.new(key, signed, hashlib.sha256).digest() for key in keys]
    for candidate in (headers.get("webhook-signature") or "").split(" "):
        if not candidate.startswith("v1,"):
            continue
        try:
            given = base64.b64decode(candidate[3:], validate=True)
        except (binascii.Error, ValueError):
            continue
        # compare_digest takes the same time wherever they differ
        if any(hmac.compare_digest(given, one) for one in expected):
            return None
    return "No known key made the signature."


def read_keys(setting):
    """`whsec_…` keys, comma separated, as the coordinator's ERRAND_SIGNING_KEYS has them."""
    keys = [entry.strip() for entry in setting.split(",") if entry.strip()]
    if not keys or not all(key.startswith("whsec_") for key in keys):
        raise ValueError("Set ERRAND_SIGNING_KEYS to the coordinator's whsec_ keys.")
    return [base64.b64decode(key[len("whsec_"):], validate=True) for key in keys]


def failure(error, code=None):
    described = {"name": type(error).__name__, "message": str(error), "stack": "".join(traceback.format_exception(error))}
    if code:
        described["code"] = code
    return {"status": "failure", "error": described}


def perform(worker, call):
    """The receipt of one attempt, and the seconds of a RetryAfter. At the deadline it says so; the thread cannot be stopped and is left alone."""
    outcome = {}

    def attempt():
        try:
            outcome["receipt"] = {"status": "success", "result": worker.run(call["args"], call)}
        except Fatal as error:
            outcome["receipt"] = {**failure(error), "fatal": True}
        except RetryAfter as error:
            outcome["receipt"] = {**failure(error), "retryAfter": error.seconds}
        except Exception as error:
            outcome["receipt"] = failure(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    deadline = datetime.fromisoformat(call["deadline"].replace("Z", "+00:00"))
    thread.join(max(0.0, (deadline - datetime.now(timezone.utc)).total_seconds()))
    late = TimeoutError(f"{worker.name} was not done at its deadline.")
    return outcome.get("receipt") or failure(late, "TIMEOUT")


def post_receipt(url, receipt):
    """Until the coordinator takes or refuses it; after a minute its reaper has written its own."""
    body = json.dumps(receipt).encode()
    give_up_at = time.monotonic() + 60
    pause = 0.5
    while True:
        request = urllib.request.Request(url, body, {"content-type": "application/json"})
        try:
            urllib.request.urlopen(request, timeout=10).close()
            return
        except urllib.error.HTTPError as error:
            if 400 <= error.code < 500 and error.code not in (408, 425, 429):
                return
        except OSError:
            pass
        if time.monotonic() + pause > give_up_at:
            return
        time.sleep(pause)
        pause = min(pause * 2, 10)


def patience(headers):
    """For how many seconds a caller that says `Prefer: respond-async, wait=20` waits; None for as long as it takes."""
    preferences = [one.strip().lower() for one in (headers.get("prefer") or "").split(",")]
    if "respond-async" not in preferences:
        return None
    return next((int(one[5:]) for one in preferences if one.startswith("wait=") and one[5:].isdigit()), 0)


def answer(workers, keys, path, headers, body):
    """Status, headers and JSON of the answer to one POST."""

    def refuse(status, code, message):
        return status, {}, {"error": {"code": code, "message": message}}

    worker = workers.get(path.strip("/").replace("/", "."))
    if worker is None:
        return refuse(404, "UNKNOWN_WORKER", "No function here is for this path.")
    problem = signature_problem(keys, headers, body, time.time())
    if problem:
        return refuse(401, "UNAUTHORIZED", problem)
    call = json.loads(body)
    # the signature says who calls, not whom: a call for one function must not run in another
    if call["worker"] != worker.name:
        return refuse(404, "UNKNOWN_WORKER", "The call is for another worker.")
    message_id = headers.get("webhook-id")
    if call.get("ping") is True and message_id.startswith(f"ping.{worker.name}."):
        return 200, {}, {"status": "success", "result": {"worker": worker.name}}
    if message_id != f"{call.get('id')}.{call.get('attempt')}":
        return refuse(400, "BAD_REQUEST", "The call is for another attempt.")
    seconds = patience(headers)
    if seconds is None and not worker.posted:
        receipt = perform(worker, call)
    else:
        attempt = concurrent.futures.Future()
        threading.Thread(target=lambda: attempt.set_result(perform(worker, call))).start()
        try:
            if worker.posted:
                raise TimeoutError
            receipt = attempt.result(seconds)
        except (TimeoutError, concurrent.futures.TimeoutError):
            threading.Thread(target=lambda: post_receipt(call["receipt"], attempt.result())).start()
            return 202, {}, None
    if "retryAfter" in receipt:
        # the same could be said by the receipt; HTTP's own words are taken as well
        return 429, {"Retry-After": str(receipt["retryAfter"])}, None
    return 200, {}, receipt


def serve(workers, port=8080, host="0.0.0.0"):
    by_name = {worker.name: worker for worker in workers}
    keys = read_keys(os.environ.get("ERRAND_SIGNING_KEYS", ""))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.reply(200 if self.path == "/healthz" else 404, {}, {"ok": self.path == "/healthz"})

        def do_POST(self):
            length = int(self.headers.get("content-length") or 0)
            if length > MAX_BODY_BYTES:
                self.close_connection = True
                return self.reply(413, {}, {"error": {"code": "PAYLOAD_TOO_LARGE", "message": "The body is too large."}})
            self.reply(*answer(by_name, keys, self.path, self.headers, self.rfile.read(length)))

        def reply(self, status, headers, value):
            body = b"" if value is None else json.dumps(value).encode()
            self.send_response(status)
            for name, text in {"content-type": "application/json", "content-length": str(len(body)), **headers}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer((host, port), Handler)
    print(f"ready at http://{host}:{server.server_address[1]}", flush=True)
    server.serve_forever()
