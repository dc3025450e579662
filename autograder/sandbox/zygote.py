"""The process that answers' processes are forked from: it has imported torch, and never computes.

It is started by `sandbox.parent` and knows neither specs nor references nor submissions: a child reads its own job.
"""

from __future__ import annotations

import gc
import os
import resource
import socket
import struct
import sys
from collections.abc import Callable

import matplotlib.pyplot  # noqa: F401  # it wants a folder to write to, which a child has not
import numpy  # noqa: F401
import torch
import torch._dynamo  # torch would import it during the first timed call
import torch.nn.functional
import torch.optim

from autograder.sandbox import child, filters, linux
from autograder.sandbox.readable import readable
from autograder.sandbox.seal import rewritings

FORK, SIBLING, REAP = b"f", b"s", b"r"
REQUEST = struct.Struct("<cq")  # what, and the process to reap
REPLY = struct.Struct("<qqq")  # process, wait status, peak memory in KiB


def main(descriptor: int) -> None:
    """Serves requests from the judge until it is gone."""
    control = socket.socket(fileno=descriptor)
    program = filters.program()
    readable(())  # reads the folders once, for all children
    rewritings()
    torch.backends.cpu.get_cpu_capability()  # a child can't read /proc, and would fall back to scalar code
    linux.unshare()
    gc.collect()
    gc.freeze()
    control.sendall(REPLY.pack(os.getpid(), 0, 0))
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, REQUEST.size, 1)
        if len(data) < REQUEST.size:
            os._exit(0)
        what, process = REQUEST.unpack(data)
        if what == REAP:
            _, status, used = os.wait4(process, 0)
            control.sendall(REPLY.pack(process, status, used.ru_maxrss))
        else:
            start = _sibling if what == SIBLING else lambda: child.serve(program)
            control.sendall(REPLY.pack(_forked(descriptors[0], start), 0, 0))
            os.close(descriptors[0])


def _forked(descriptor: int, serve: Callable[[], None]) -> int:
    process = os.fork()
    if process:
        return process
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(descriptor, child.CHANNEL)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        os.closerange(child.CHANNEL + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        serve()
    finally:
        os._exit(0)


def _sibling() -> None:
    from autograder.sandbox import sibling

    linux.die_with_parent()
    sibling.serve()


if __name__ == "__main__":
    main(int(sys.argv[1]))
