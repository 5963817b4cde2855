"""Round trips by libcurl's WebSocket client, through the Python package `pycurl`.

The curl that Debian 12 and Ubuntu 24.04 install has no ws, and no curl command can do a round trip;
the libcurl inside pycurl's wheel can. Where pycurl was built on a libcurl without ws, this client
says so and exits with 77, "skipped".
"""

import select
import struct

import pycurl

import round_trip

VERSION = pycurl.version_info()[1]


class Messages:
    """Puts libcurl's pieces of frames together. Control frames come out as they are."""

    def __init__(self, curl):
        self.curl = curl
        self.pending = bytearray()

    def receive(self):
        """One whole message or control frame as (flags, bytes), or None when there is none yet."""
        while True:
            try:
                piece, meta = self.curl.ws_recv(1 << 16)
            except BlockingIOError:
                return None
            if meta.flags & (pycurl.WS_CLOSE | pycurl.WS_PING | pycurl.WS_PONG):
                return meta.flags, piece
            self.pending += piece
            if meta.bytesleft == 0 and not meta.flags & pycurl.WS_CONT:
                message, self.pending = bytes(self.pending), bytearray()
                return meta.flags, message


def transfer(curl, messages, exchange):
    """Sends and receives in turns: an echo that streams answers a long message before its end."""
    socket = curl.getinfo(pycurl.ACTIVESOCKET)
    kind = pycurl.WS_TEXT if exchange.is_text else pycurl.WS_BINARY
    rest = memoryview(exchange.payload)
    is_sent = False
    while not (is_sent and exchange.is_complete):
        is_idle = True
        if not is_sent:
            try:
                rest = rest[curl.ws_send(rest, kind) :]
                is_sent = not rest
                is_idle = False
            except BlockingIOError:
                pass
        if not exchange.is_complete:
            message = messages.receive()
            if message is not None:
                flags, data = message
                if flags & pycurl.WS_CLOSE:
                    raise round_trip.Differs(f"{exchange}: closed by the server instead of answered.")
                if flags & (pycurl.WS_TEXT | pycurl.WS_BINARY):
                    exchange.add(bool(flags & pycurl.WS_TEXT), data)
                is_idle = False
        if is_idle:
            select.select([socket], [] if is_sent else [socket], [])


def close_code(curl, messages):
    """Closes with 1000 and gives the code of the answer."""
    curl.ws_close(1000)
    while True:
        message = messages.receive()
        if message is None:
            select.select([curl.getinfo(pycurl.ACTIVESOCKET)], [], [])
        elif message[0] & pycurl.WS_CLOSE:
            return struct.unpack("!H", message[1][:2])[0] if message[1] else None
        elif message[0] & (pycurl.WS_TEXT | pycurl.WS_BINARY):
            raise round_trip.Differs(f"{len(message[1])} more bytes came after the last answer.")


def round_trips(url, stream):
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.NOPROXY, "*")
    curl.setopt(pycurl.CONNECT_ONLY, 2)  # 2: do the WebSocket handshake, then leave the rest to us.
    curl.perform()
    messages = Messages(curl)
    for exchange in round_trip.exchanges(stream):
        transfer(curl, messages, exchange)
        exchange.check()
    round_trip.check_close_code(close_code(curl, messages))
    curl.close()


if "ws" not in pycurl.version_info()[8]:
    print(f"skipped curl {VERSION}: curl has no ws.")
    raise SystemExit(round_trip.SKIPPED)
round_trip.run("curl", VERSION, round_trips)
