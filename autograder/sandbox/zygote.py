"""The process that answers' processes come from: it has imported torch, and never computes.

It is started by `sandbox.parent` and knows neither specs nor submissions. For each exercise a process is forked from it
in which is sealed what the exercise forbids; answers' processes are forked from that, and read their own job.
"""

from __future__ import annotations

import gc
import importlib
import os
import resource
import socket
import struct
import sys
from collections.abc import Callable, Mapping

import torch

from autograder import wire
from autograder.sandbox import channel, child, filters, linux
from autograder.sandbox.readable import readable
from autograder.sandbox.seal import rewritings
from autograder.spec import Failure

PRELOADED = (
    *("numpy", "torch.nn.functional", "torch.optim"),
    "jaxtyping",  # in every stub
    "matplotlib.pyplot",  # it wants a folder to write to, which a child has not
)
FORK, SIBLING, SEAL, REAP = b"f", b"b", b"s", b"r"
REQUEST = struct.Struct("<cq")  # what, and the process to reap
REPLY = struct.Struct("<qqq")  # process, wait status, peak memory in KiB


def main(descriptor: int) -> None:
    """Serves requests from the judge until it is gone."""
    control = socket.socket(fileno=descriptor)
    for name in PRELOADED:
        importlib.import_module(name)
    program = filters.program()
    readable(())  # reads the folders once, for all children
    rewritings()
    torch.backends.cpu.get_cpu_capability()  # a child can't read /proc, and would fall back to scalar code
    linux.unshare()
    _settle()
    linux.use_huge_pages()
    control.sendall(REPLY.pack(os.getpid(), 0, 0))
    _serve(control, {SIBLING: _sibling, SEAL: lambda: _sealed(program)})


def _settle() -> None:
    """Leaves alone what is there, so that processes forked off go on sharing it."""
    gc.collect()
    gc.freeze()


def _serve(control: socket.socket, starts: Mapping[bytes, Callable[[], None]], *, keep: int = child.CHANNEL) -> None:
    """Forks and reaps as the judge asks. keep: the last descriptor that a child gets."""
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, REQUEST.size, 1)
        if len(data) < REQUEST.size:
            os._exit(0)
        what, process = REQUEST.unpack(data)
        if what == REAP:
            _, status, used = os.wait4(process, 0)
            control.sendall(REPLY.pack(process, status, used.ru_maxrss))
        else:
            control.sendall(REPLY.pack(_forked(descriptors[0], starts[what], keep), 0, 0))
            os.close(descriptors[0])


def _forked(descriptor: int, serve: Callable[[], None], keep: int) -> int:
    process = os.fork()
    if process:
        return process
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(descriptor, child.CHANNEL)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        os.closerange(keep + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        serve()
    finally:
        os._exit(0)


def _sealed(program: bytes) -> None:
    linux.die_with_parent()
    job = wire.decode(channel.read(child.CHANNEL))
    try:
        child.seal(job)
        _settle()
    except Exception as error:
        child.say(Failure("crashed", f"{type(error).__name__}: {error}"))
        return
    child.say("sealed")
    sealed = bool(job["kernels"])
    control = socket.socket(fileno=child.CHANNEL)
    _serve(control, {FORK: lambda: child.serve(program, sealed=sealed)}, keep=child.RULES)


def _sibling() -> None:
    from autograder.sandbox import sibling

    linux.die_with_parent()
    sibling.serve()


if __name__ == "__main__":
    main(int(sys.argv[1]))
