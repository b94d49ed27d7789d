"""What the walks of all Python clients share: arguments, steps, records.

A walk is called as

    <walk>.py BOOTSTRAP CA CERT KEY TOPIC STEP,STEP,...

with paths of PEM files; CERT and KEY empty mean a client without a
certificate. It prints one line "step: what was seen" per step. It ends with
status 0 when every step went through, with 1 and a reason on standard error
when one did not.
"""

import sys
from collections import namedtuple

Arguments = namedtuple("Arguments", "bootstrap ca cert key topic steps")

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


def key(i):
    return b"key-%d" % i


def value(i):
    """A value that is worth compressing."""
    return b"value-%d " % i + b"x" * 200


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
    arguments = Arguments(bootstrap, ca, cert, key_path, topic, steps)
    step = "connect"
    try:
        known = connect(arguments)
        for step in steps:
            print("%s: %s" % (step, known[step]()), flush=True)
    except Exception as e:  # the one place that tells the reason
        print("%s: %s: %s" % (step, type(e).__name__, e), file=sys.stderr, flush=True)
        sys.exit(1)
