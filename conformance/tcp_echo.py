"""A plain TCP echo server: the target of the second conformance run.

Prints its port, answers every byte on every connection, ends a connection when the other side does.
"""

import asyncio

# Some cases send good bytes and bad ones in one breath and want no answer at all. A gateway that
# streams has passed the good ones on by then, so a quick echo would race with the verdict.
DELAY_SECONDS = 0.05


async def echo(reader, writer):
    try:
        while data := await reader.read(65536):
            await asyncio.sleep(DELAY_SECONDS)
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
