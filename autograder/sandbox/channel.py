"""Messages between the judge and an answer's process: eight bytes of length, then the message."""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from collections.abc import Callable

LENGTH = struct.Struct("<Q")
CHUNK = 1 << 20
TICK = 0.05  # seconds between two looks at the clock


class Ended(Exception):
    """The other side is gone."""


class Overdue(Exception):
    """The other side took longer than it may."""


class TooLong(Exception):
    """The other side announced or sent more than is read."""


class Channel:
    """The judge's end. Nothing that the other side does, or leaves undone, holds it up past its time."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        end.setblocking(False)

    def send(self, message: bytes, overdue: Callable[[], bool]) -> None:
        """Sends a whole message. Raises Ended or Overdue."""
        rest = memoryview(LENGTH.pack(len(message)) + message)
        while rest:
            if overdue():
                raise Overdue
            writable = self._is_ready(select.POLLOUT)
            try:
                rest = rest[self._end.send(rest[:CHUNK]) :] if writable else rest
            except BlockingIOError:
                continue
            except OSError:
                raise Ended from None

    def receive(self, overdue: Callable[[], bool], most_bytes: int) -> bytes:
        """The next whole message. Raises Ended, Overdue or TooLong."""
        (length,) = LENGTH.unpack(self._exactly(LENGTH.size, overdue))
        if length > most_bytes:
            raise TooLong
        return self._exactly(length, overdue)

    def close(self) -> None:
        """Closes this end."""
        self._end.close()

    def _is_ready(self, event: int) -> bool:
        """Whether the other side takes or gives something, waiting a tick for it. `select` knows 1024 files only."""
        waiting = select.poll()
        waiting.register(self._end, event)
        return bool(waiting.poll(1000 * TICK))

    def _exactly(self, size: int, overdue: Callable[[], bool]) -> bytes:
        found = bytearray()
        looked = 0.0
        while len(found) < size:
            now = time.monotonic()
            if now - looked >= TICK:
                looked = now
                if overdue():
                    raise Overdue
            if self._is_ready(select.POLLIN):
                try:
                    part = self._end.recv(min(CHUNK, size - len(found)))
                except BlockingIOError:
                    continue
                except OSError:
                    raise Ended from None
                if not part:
                    raise Ended
                found += part
        return bytes(found)


def read(descriptor: int) -> bytes:
    """The other side: the next whole message. Raises EOFError when the judge is gone."""
    (length,) = LENGTH.unpack(_read_exactly(descriptor, LENGTH.size))
    return _read_exactly(descriptor, length)


def write(descriptor: int, message: bytes) -> None:
    """The other side: sends a whole message."""
    for part in (LENGTH.pack(len(message)), message):
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(descriptor, rest) :]


def _read_exactly(descriptor: int, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        part = os.read(descriptor, min(CHUNK, size - len(found)))
        if not part:
            raise EOFError
        found += part
    return bytes(found)
