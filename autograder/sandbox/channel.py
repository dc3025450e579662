"""Messages between the judge and an answer's process: eight bytes of length, then the message."""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from collections.abc import Callable

LENGTH = struct.Struct("<Q")
CHUNK = 1 << 20  # bytes; also of the system's buffer, where it gives so much
TICK = 0.05  # seconds between two looks at the clock


def ends() -> tuple[socket.socket, socket.socket]:
    """Two ends for a channel: the judge's and the other's. Large buffers spare the two waiting for each other."""
    pair = socket.socketpair()
    for end in pair:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, CHUNK)
    return pair


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
        for part in (LENGTH.pack(len(message)), message):
            rest = memoryview(part)
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

    def receive(self, overdue: Callable[[], bool], most_bytes: int) -> bytearray:
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

    def _exactly(self, size: int, overdue: Callable[[], bool]) -> bytearray:
        found = bytearray(size)  # of which the system gives only what is written to
        rest = memoryview(found)
        looked = 0.0
        while rest:
            now = time.monotonic()
            if now - looked >= TICK:
                looked = now
                if overdue():
                    raise Overdue
            if self._is_ready(select.POLLIN):
                try:
                    came = self._end.recv_into(rest)
                except BlockingIOError:
                    continue
                except OSError:
                    raise Ended from None
                if not came:
                    raise Ended
                rest = rest[came:]
        return found


def read(descriptor: int) -> bytearray:
    """The other side: the next whole message. Raises EOFError when the judge is gone."""
    (length,) = LENGTH.unpack(_read_exactly(descriptor, LENGTH.size))
    return _read_exactly(descriptor, length)


def write(descriptor: int, message: bytes) -> None:
    """The other side: sends a whole message."""
    for part in (LENGTH.pack(len(message)), message):
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(descriptor, rest) :]


def _read_exactly(descriptor: int, size: int) -> bytearray:
    found = bytearray(size)
    rest = memoryview(found)
    while rest:
        came = os.readv(descriptor, [rest])
        if not came:
            raise EOFError
        rest = rest[came:]
    return found
