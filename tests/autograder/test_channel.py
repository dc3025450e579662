"""The judge's end of the line to an answer's process."""

import fcntl
import resource
import socket
import time

import pytest

from autograder.sandbox import channel
from autograder.sandbox.channel import Channel, Ended, Overdue, TooLong

PAST_SELECT = 1024  # the first descriptor that select() can't wait for


@pytest.fixture(params=[0, PAST_SELECT])
def ends(request):
    """A channel, and the other side's socket. param: the least descriptor."""
    if request.param >= resource.getrlimit(resource.RLIMIT_NOFILE)[0]:
        pytest.skip("this process may not have as many files")
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.socket(fileno=fcntl.fcntl(ours, fcntl.F_DUPFD, request.param)) as end:
        ours.close()
        yield Channel(end), theirs


def never():
    return False


def test_messages_go_both_ways(ends):
    ours, theirs = ends
    ours.send(b"asked", never)
    assert channel.read(theirs.fileno()) == b"asked"
    channel.write(theirs.fileno(), b"replied")
    assert ours.receive(never, 10) == b"replied"


def test_what_was_sent_before_the_end_is_read(ends):
    ours, theirs = ends
    channel.write(theirs.fileno(), b"replied")
    theirs.close()
    assert ours.receive(never, 10) == b"replied"
    with pytest.raises(Ended):
        ours.receive(never, 10)
    with pytest.raises(Ended):
        ours.send(b"asked", never)


def test_more_than_is_read_is_not_waited_for(ends):
    ours, theirs = ends
    theirs.sendall(channel.LENGTH.pack(11))
    with pytest.raises(TooLong):
        ours.receive(never, 10)


def test_silence_and_deafness_end_in_time(ends):
    ours, _ = ends
    late = time.monotonic() + 0.2
    with pytest.raises(Overdue):
        ours.receive(lambda: time.monotonic() > late, 10)
    with pytest.raises(Overdue):
        ours.send(bytes(1 << 22), lambda: time.monotonic() > late)
    assert time.monotonic() < late + 1
