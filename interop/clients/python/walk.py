"""What the walks of all Python clients share: arguments, steps, records.

A walk is called as

    <walk>.py BOOTSTRAP CA CERT KEY TOPIC STEP,STEP,...

with paths of PEM files; CERT and KEY empty mean a client without a
certificate, CA empty one without TLS. The variable LOGIN, if set, is a JSON
object that says how to log in:

    {"mechanism": "SCRAM-SHA-512", "username": "...", "password": "..."}
    {"mechanism": "OAUTHBEARER", "endpoint": "<URL for tokens>",
     "client": "...", "secret": "...", "scope": "..."}

With "once": true in it the walk gives up at the first refusal and says what it
was told. "renew" is for how many seconds the step of that name writes. It prints one line "step: what was seen" per step. It ends with status
0 when every step went through, with 1 and a reason on standard error when one
did not.
"""

import base64
import json
import os
import sys
import time
import urllib.parse
import urllib.request
from collections import namedtuple

Arguments = namedtuple("Arguments", "bootstrap ca cert key topic steps login impatient")

PARTITIONS = 3
RECORDS = 100
LARGE = 5_000_000

# SECONDS bounds every single wait, so that a lost answer is a message.
SECONDS = 30


class Failure(Exception):
    """The walk saw something else than it should have."""


def check(holds, message):
    if not holds:
        raise Failure(message)


def protocol(arguments):
    """The security protocol, as Kafka names it."""
    return ("SASL_" if arguments.login else "") + ("SSL" if arguments.ca else "PLAINTEXT")


def fetch_token(login):
    """Returns a bearer token and the seconds that it lives."""
    form = {"grant_type": "client_credentials", "scope": login["scope"]}
    request = urllib.request.Request(login["endpoint"], urllib.parse.urlencode(form).encode())
    basic = base64.b64encode(("%s:%s" % (login["client"], login["secret"])).encode())
    request.add_header("Authorization", "Basic " + basic.decode())
    with urllib.request.urlopen(request, timeout=SECONDS) as response:
        answer = json.load(response)
    return answer["access_token"], answer["expires_in"]


def key(i):
    return b"key-%d" % i


def value(i):
    """A value that is worth compressing."""
    return b"value-%d " % i + b"x" * 200


def write_on(login, write):
    """Calls write(i) ten times a second for as long as the step renew lasts."""
    until = time.monotonic() + login["renew"]
    i = 0
    while time.monotonic() < until:
        write(i)
        i += 1
        time.sleep(0.1)
    check(i > 0, "nothing written")
    return "no error"


def check_records(records, of):
    """Checks (key, value, headers) of records made by key, value and of."""
    check(len(records) == RECORDS, "%d records of %s, not %d" % (len(records), of, RECORDS))
    seen = set()
    for k, v, headers in records:
        i = int(k.split(b"-")[1])
        seen.add(i)
        check(v == value(i), "value of %r is %r" % (k, v[:40]))
        check(headers == [("of", of.encode())], "headers of %r are %r" % (k, headers))
    check(len(seen) == RECORDS, "%d different keys of %s, not %d" % (len(seen), of, RECORDS))


def main(connect):
    """Runs the steps that connect(arguments) returns by name."""
    bootstrap, ca, cert, key_path, topic, steps = sys.argv[1:]
    steps = steps.split(",")
    login = json.loads(os.environ.get("LOGIN", "null"))
    impatient = login.get("once", False) if login else not cert
    arguments = Arguments(bootstrap, ca, cert, key_path, topic, steps, login, impatient)
    step = "connect"
    try:
        known = connect(arguments)
        for step in steps:
            print("%s: %s" % (step, known[step]()), flush=True)
    except Exception as e:  # the one place that tells the reason
        print("%s: %s: %s" % (step, type(e).__name__, e), file=sys.stderr, flush=True)
        sys.exit(1)
