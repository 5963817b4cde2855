"""What the Python clients have in common: the messages, the command line, the verdict.

Every client is called as `CLIENT [--stream] URL` and is joined there to an echo. Without --stream the
echo answers message for message with the same type. With --stream it answers bytes: one message may
come back as several binary ones or together with others, and an empty one does not come back.
"""

import argparse
import os
import sys
import threading

SIZES = [0, 1, 125, 126, 127, 65535, 65536, 16 * 1024 * 1024]
DEADLINE_SECONDS = 60
# The exit status that means "skipped" in Automake and Meson, for a client that cannot run here.
SKIPPED = 77


class Differs(Exception):
    """The one sentence about what was not as it should be."""


def text_of(size):
    # Characters of one to four bytes: at some size every kind is cut by a frame or a buffer.
    pattern = "aé€𐍈".encode()
    whole, rest = divmod(size, len(pattern))
    return pattern * whole + b"x" * rest


def binary_of(size):
    # The period is prime, so that bytes moved by a buffer's length do not look right.
    pattern = bytes(range(251))
    return (pattern * (size // len(pattern) + 1))[:size]


class Exchange:
    """One message and what has come back for it so far."""

    def __init__(self, is_text, payload, stream):
        self.is_text = is_text
        self.payload = payload
        self.stream = stream
        self.received = bytearray()
        self.messages = 0

    def __str__(self):
        return f"{'text' if self.is_text else 'binary'} of {len(self.payload)} bytes"

    @property
    def is_complete(self):
        if self.stream:
            return len(self.received) >= len(self.payload)
        return self.messages == 1

    def add(self, is_text, data):
        """Takes one whole message of the answer."""
        if is_text != (self.is_text and not self.stream):
            raise Differs(f"{self}: the answer is of type {'text' if is_text else 'binary'}.")
        if self.stream and not data:
            raise Differs(f"{self}: an empty message came back.")
        self.received += data
        self.messages += 1

    def check(self):
        if self.received == self.payload:
            return
        if len(self.received) != len(self.payload):
            raise Differs(f"{self}: {len(self.received)} bytes came back.")
        pairs = enumerate(zip(self.received, self.payload))
        place = next(place for place, (got, sent) in pairs if got != sent)
        raise Differs(f"{self}: the byte at {place} differs.")


def exchanges(stream):
    for size in SIZES:
        yield Exchange(True, text_of(size), stream)
        yield Exchange(False, binary_of(size), stream)


def check_close_code(code):
    if code != 1000:
        raise Differs(f"Closed with 1000, and the answer's close code is {code}.")


def run(client, version, round_trips):
    """Calls round_trips(url, stream), prints the verdict and ends the program."""
    parser = argparse.ArgumentParser(description=f"Round trips by {client} through an echo.")
    parser.add_argument("--stream", action="store_true", help="the echo keeps bytes, not messages")
    parser.add_argument("url", help="ws://host:port/")
    arguments = parser.parse_args()

    def give_up():
        print(f"{client}: not finished within {DEADLINE_SECONDS} s.", flush=True)
        os._exit(1)  # From another thread, because the main one may hang in a system call.

    deadline = threading.Timer(DEADLINE_SECONDS, give_up)
    deadline.daemon = True
    deadline.start()
    try:
        round_trips(arguments.url, arguments.stream)
    except Exception as error:  # Whatever a library throws is a verdict too.
        what = str(error) if isinstance(error, Differs) else f"{type(error).__name__}: {error}"
        print(f"{client}: {what}", flush=True)
        # A thread that still sends must not keep the program from ending.
        os._exit(1)
    print(f"ok {client} {version}")
    sys.exit(0)
