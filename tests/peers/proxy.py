"""A TCP proxy in user space: connections through it can be cut, slowed and held up behind the backs of both ends."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

BLOCK = 64 * 1024
AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER of a connection that is reset rather than closed politely."""


class Proxy:
    """Listens on a port of its own and passes everything on to another port of this machine."""

    def __init__(self, target: int, loop: asyncio.AbstractEventLoop) -> None:
        self.target = target
        self.latency = 0.0
        self._loop = loop
        self._flows = asyncio.Event()
        self._flows.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), loop).result()

    def cut(self) -> int:
        """Reset every connection and return how many there were; new ones are taken."""
        return asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result()

    def hold(self) -> None:
        """Pass nothing on until `release`."""
        self._loop.call_soon_threadsafe(self._flows.clear)

    def release(self) -> None:
        """Pass on what was held."""
        self._loop.call_soon_threadsafe(self._flows.set)

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _cut(self) -> int:
        writers, self._writers = self._writers, set()
        for writer in writers:
            raw = writer.get_extra_info("socket")
            if raw is not None:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            writer.transport.abort()
        return len(writers) // 2

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            there, onward = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, onward}
        try:
            await asyncio.gather(self._pump(reader, onward), self._pump(there, writer))
        except OSError:
            pass
        finally:
            self._writers -= {writer, onward}
            for side in (writer, onward):
                side.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while block := await source.read(BLOCK):
            await self._flows.wait()
            if self.latency:
                await asyncio.sleep(self.latency)
            sink.write(block)
            await sink.drain()
        raise ConnectionResetError  # one side has gone: the other goes as well

    async def close(self) -> None:
        """Stop listening and let go of everything."""
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextmanager
def proxies(*targets: int) -> Iterator[list[Proxy]]:
    """Yield a proxy for each port; all are gone at the end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="proxies", daemon=True)
    thread.start()
    made = [Proxy(target, loop) for target in targets]
    try:
        yield made
    finally:
        for proxy in made:
            asyncio.run_coroutine_threadsafe(proxy.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
