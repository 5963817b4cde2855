"""Round trips by the Python package `websocket-client` (blocking sockets)."""

import struct
from concurrent.futures import ThreadPoolExecutor

import websocket
from websocket import ABNF

import round_trip


def close_code(connection):
    """Closes with 1000 and gives the code of the answer."""
    connection.send_close(1000)
    while True:
        frame = connection.recv_frame()
        if frame.opcode == ABNF.OPCODE_CLOSE:
            return struct.unpack("!H", frame.data[:2])[0] if frame.data else None
        if frame.opcode in (ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY, ABNF.OPCODE_CONT):
            raise round_trip.Differs(f"{len(frame.data)} more bytes came after the last answer.")


def round_trips(url, stream):
    connection = websocket.create_connection(
        url,
        timeout=round_trip.DEADLINE_SECONDS,
        enable_multithread=True,
        # The bytes are compared one by one, and checking UTF-8 takes this package seconds per MiB.
        skip_utf8_validation=True,
        http_no_proxy=["*"],
    )
    with ThreadPoolExecutor(1) as sender:
        for exchange in round_trip.exchanges(stream):
            opcode = ABNF.OPCODE_TEXT if exchange.is_text else ABNF.OPCODE_BINARY
            # Both at once: an echo that streams answers a long message before its end.
            sending = sender.submit(connection.send, exchange.payload, opcode)
            while not exchange.is_complete:
                opcode, data = connection.recv_data()
                if opcode == ABNF.OPCODE_CLOSE:
                    raise round_trip.Differs(f"{exchange}: closed by the server instead of answered.")
                exchange.add(opcode == ABNF.OPCODE_TEXT, data)
            sending.result()
            exchange.check()
    round_trip.check_close_code(close_code(connection))
    connection.shutdown()


round_trip.run("websocket-client", websocket.__version__, round_trips)
