"""The suite's workers in Python."""

import os
import sys
import threading
import urllib.error
import urllib.request

sys.path.insert(0, os.environ["ERRAND_FUNCTION_DIR"])
from errand_function import RetryAfter, Worker, serve  # noqa: E402


def echo(args, call):
    return {"text": args["text"]}


def slow(args, call):
    threading.Event().wait()


def boom(args, call):
    raise ValueError("too large") from TypeError("a number")


def limited(args, call):
    try:
        urllib.request.urlopen(args["api"])
    except urllib.error.HTTPError as error:
        raise RetryAfter(error.headers["retry-after"])


serve(
    [Worker("echo", echo), Worker("mail.posted", echo, posted=True), Worker("slow", slow), Worker("boom", boom), Worker("limited", limited)],
    port=0,
    host="127.0.0.1",
)
