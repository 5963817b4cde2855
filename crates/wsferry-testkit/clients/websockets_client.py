"""Round trips by the Python package `websockets` (asyncio)."""

import asyncio

import websockets
from websockets.asyncio.client import connect

import round_trip


async def receive(connection, exchange):
    while not exchange.is_complete:
        message = await connection.recv()
        is_text = isinstance(message, str)
        exchange.add(is_text, message.encode() if is_text else message)


async def round_trips(url, stream):
    async with connect(url, max_size=None, proxy=None) as connection:
        for exchange in round_trip.exchanges(stream):
            message = exchange.payload.decode() if exchange.is_text else exchange.payload
            # Both at once: an echo that streams answers a long message before its end.
            await asyncio.gather(connection.send(message), receive(connection, exchange))
            exchange.check()
        await connection.close(1000)
        try:
            await connection.recv()
        except websockets.ConnectionClosed as closed:
            round_trip.check_close_code(closed.rcvd.code if closed.rcvd else None)
        else:
            raise round_trip.Differs("More came after the last answer.")


def main(url, stream):
    asyncio.run(round_trips(url, stream))


round_trip.run("websockets", websockets.__version__, main)
