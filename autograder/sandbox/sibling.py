"""The trusted process that baselines are timed in: forked like an answer's, with nothing sealed and no sandbox."""

from __future__ import annotations

import torch

from autograder import registry, steady, wire
from autograder.sandbox import channel
from autograder.sandbox.child import CHANNEL, Timed


def serve() -> None:
    """Carries out timed cases on baselines, in the same requests as an answer's process."""
    torch.set_num_threads(1)
    steady.settle()
    timed = None
    while True:
        message = wire.decode(channel.read(CHANNEL))
        if "load" in message:
            timed = Timed(registry.find(message["exercise"]).baseline)
            reply = wire.encode(timed.load(message["load"]))
        else:
            assert timed is not None
            reply = wire.encode(timed.go()) if "go" in message else wire.encode_trace(timed.outputs())
        channel.write(CHANNEL, reply)
