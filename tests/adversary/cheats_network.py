"""Reaching anybody: by the network, by sockets of the machine, by the kernel's own."""

from __future__ import annotations

from tests.adversary.cheat import attempt

CHEATS = (
    attempt(
        "a call by TCP",
        """
import socket
socket.create_connection(("127.0.0.1", @PORT@), timeout=2).close()
return True
""",
    ),
    attempt(
        "a page by HTTP",
        """
import urllib.request
try:
    urllib.request.urlopen("http://127.0.0.1:@PORT@/", timeout=0.2)
except TimeoutError:
    return True  # somebody was there, and had nothing to say
""",
    ),
    attempt(
        "a message by UDP",
        """
import socket
return socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", @PORT@))
""",
    ),
    attempt(
        "a socket of this machine",
        """
import socket
with socket.socket(socket.AF_UNIX) as made:
    made.bind("\\0p2v-cheat-%d" % __import__("os").getpid())
return True
""",
    ),
    attempt("a pair of sockets", "import socket\nreturn socket.socketpair()"),
    attempt("the kernel's own socket", "import socket\nreturn socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)"),
    attempt("a name looked up", "import socket\nreturn socket.getaddrinfo('localhost', 80)", outside=False),
    attempt(
        "a call by asyncio",
        """
import asyncio
async def call():
    _, writer = await asyncio.open_connection("127.0.0.1", @PORT@)
    writer.close()
    return True
return asyncio.run(call())
""",
    ),
    attempt(
        "a descriptor handed on",
        """
import array, os, socket
made = socket.socket(fileno=3)
made.sendmsg([b""], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0]))])
return True
""",
        outside=False,
    ),
    attempt(
        "torch's own store",
        """
from torch.distributed import TCPStore
return TCPStore("127.0.0.1", 0, 1, True, wait_for_workers=False)
""",
    ),
)
