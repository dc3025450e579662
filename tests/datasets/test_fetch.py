"""Fetching, against a server on this machine that can be made to misbehave."""

import hashlib
import http.server
import threading
from collections import namedtuple
from types import SimpleNamespace

import pytest

from p2v_data import DataMissingError, FetchError, UserError, catalogue, data_folder, fetch, store
from p2v_data import download as downloads

CONTENT = bytes(range(256)) * 4000
OTHER = b"another file, quite small"
Usage = namedtuple("Usage", "total used free")


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT with ranges, as the server's ``manner`` says; notes each request."""

    def do_GET(self):
        manner = self.server.manner
        asked = self.headers.get("Range")
        manner.requests.append((self.path, asked))
        body = manner.files.get(self.path.rpartition("/")[2])
        if body is None or self.path.startswith("/broken/"):
            return self.send_error(404)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and manner.ranges else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start + manner.shift}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        stop = start + manner.cut_after.pop(0) if manner.cut_after else len(body)
        self.wfile.write(body[start:stop])
        self.close_connection = True
        return None

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    """The server; ``manner`` says how it behaves, ``url`` where it is."""
    monkeypatch.setattr(downloads, "PAUSE_S", 0)
    monkeypatch.setattr(downloads, "CHUNK", 10_000)
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = False
        running.manner = SimpleNamespace(
            files={"big.bin": CONTENT, "small.bin": OTHER}, ranges=True, cut_after=[], shift=0, requests=[]
        )
        running.url = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def row(name, content):
    return (name, len(content), hashlib.md5(content).hexdigest())


def a_set(**changes):
    values = {
        "name": "toy",
        "content": "2 files",
        "licence": "CC0",
        "citation": "nobody",
        "source": "this test",
        "files": (row("big.bin", CONTENT), row("small.bin", OTHER)),
    }
    return store.FullSet(**{**values, **changes})


@pytest.fixture
def add(monkeypatch):
    """Adds a set to the catalogue: one row is all it takes."""

    def add_row(**changes):
        monkeypatch.setattr(store, "FULL_SETS", (*store.FULL_SETS, a_set(**changes)))

    return add_row


@pytest.fixture
def toy(add, server, own_folder):
    """A set that the server has; gives its folder."""
    add(mirrors=(server.url,))
    return own_folder / "toy"


def toy_row():
    return next(each for each in catalogue() if each.name == "toy")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_whole_set_comes_and_is_then_only_verified(server, toy):
    assert not toy_row().have
    assert fetch("toy", progress=False) == toy
    assert (toy / "big.bin").read_bytes() == CONTENT
    assert names(toy) == ["big.bin", "small.bin"]
    assert (toy_row().have, toy_row().where, toy_row().size) == (True, toy, "1.0 MB")
    server.manner.requests.clear()
    assert fetch("toy", progress=False) == toy
    assert server.manner.requests == []


def test_a_progress_bar_is_drawn_on_request(toy, capsys):
    fetch("toy", progress=False)
    assert capsys.readouterr().err == ""
    (toy / "big.bin").unlink()
    fetch("toy")
    assert "big.bin: 100%" in capsys.readouterr().err


def test_a_broken_connection_is_resumed_where_it_broke(server, toy):
    server.manner.cut_after = [300_000, 200_000]
    fetch("toy", progress=False)
    assert [asked for path, asked in server.manner.requests if path == "/big.bin"] == [
        None,
        "bytes=300000-",
        "bytes=500000-",
    ]
    assert (toy / "big.bin").read_bytes() == CONTENT


def test_a_download_given_up_looks_incomplete_and_goes_on_later(server, toy):
    server.manner.cut_after = [100_000] * downloads.ROUNDS
    with pytest.raises(FetchError, match=r"ended after 300,000 of 1,024,000 bytes"):
        fetch("toy", progress=False)
    assert names(toy) == ["big.bin.part"]
    assert (toy / "big.bin.part").stat().st_size == 300_000
    assert not toy_row().have
    server.manner.requests.clear()
    fetch("toy", progress=False)
    assert server.manner.requests[0] == ("/big.bin", "bytes=300000-")
    assert (toy / "big.bin").read_bytes() == CONTENT
    assert names(toy) == ["big.bin", "small.bin"]


def test_a_server_without_ranges_starts_again(server, toy, capsys):
    server.manner.ranges = False
    server.manner.cut_after = [300_000]
    fetch("toy")
    assert (toy / "big.bin").read_bytes() == CONTENT
    assert "big.bin: 100%" in capsys.readouterr().err


def test_another_range_than_asked_for_is_refused(server, toy):
    server.manner.cut_after = [300_000]
    server.manner.shift = 1
    with pytest.raises(FetchError, match="another part of the file"):
        fetch("toy", progress=False)
    assert names(toy) == ["big.bin.part"]
    assert (toy / "big.bin.part").read_bytes() == CONTENT[:300_000]


def test_a_wrong_checksum_is_refused_and_leaves_nothing(server, toy):
    server.manner.files["big.bin"] = CONTENT[:-1] + b"?"
    with pytest.raises(FetchError, match="checksum is wrong"):
        fetch("toy", progress=False)
    assert names(toy) == []
    assert not toy_row().have


def test_a_part_of_another_file_is_thrown_away(toy):
    toy.mkdir(parents=True)
    (toy / "big.bin.part").write_bytes(b"!" * 5000)
    fetch("toy", progress=False)
    assert (toy / "big.bin").read_bytes() == CONTENT
    assert names(toy) == ["big.bin", "small.bin"]


@pytest.mark.parametrize("part", [CONTENT, CONTENT + b"more"])
def test_a_part_that_is_whole_or_too_long(server, toy, part):
    toy.mkdir(parents=True)
    (toy / "big.bin.part").write_bytes(part)
    fetch("toy", progress=False)
    assert (toy / "big.bin").read_bytes() == CONTENT
    assert any(path == "/big.bin" for path, _ in server.manner.requests) == (part != CONTENT)


def test_more_bytes_than_the_file_has_are_refused(server, toy):
    server.manner.files["big.bin"] = CONTENT + b"more"
    with pytest.raises(FetchError, match="sent more than the 1,024,000 bytes"):
        fetch("toy", progress=False)
    assert "big.bin" not in names(toy)


def test_the_next_mirror_is_asked(add, server, own_folder):
    add(mirrors=(f"{server.url}/broken", f"{server.url}/good/"))
    fetch("toy", progress=False)
    assert server.manner.requests[:2] == [("/broken/big.bin", None), ("/good/big.bin", None)]
    assert (own_folder / "toy" / "big.bin").read_bytes() == CONTENT


def test_no_network_says_what_was_tried_and_what_to_do(add, own_folder, monkeypatch):
    monkeypatch.setattr(downloads, "PAUSE_S", 0)
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    add(mirrors=("http://mirror.invalid/data",))
    with pytest.raises(FetchError) as caught:
        fetch("toy", progress=False)
    message = str(caught.value)
    assert message.count("http://mirror.invalid/data/big.bin: ") == 1
    assert "name resolution" in message
    assert f"download by hand to {own_folder / 'toy'}" in message
    assert f"big.bin   1.0 MB   md5 {hashlib.md5(CONTENT).hexdigest()}" in message
    assert f"small.bin   0.0 kB   md5 {hashlib.md5(OTHER).hexdigest()}" in message
    assert message.count("p2v data fetch toy") == 2


def test_files_put_there_by_hand_are_verified_without_a_network(add, own_folder):
    add(mirrors=("http://mirror.invalid",))
    folder = own_folder / "toy"
    folder.mkdir(parents=True)
    (folder / "big.bin").write_bytes(CONTENT)
    (folder / "small.bin").write_bytes(OTHER)
    assert fetch("toy", progress=False) == folder


def test_a_damaged_file_is_set_aside_and_fetched_again(toy):
    toy.mkdir(parents=True)
    (toy / "big.bin").write_bytes(b"?" + CONTENT[1:])
    fetch("toy", progress=False)
    assert names(toy) == ["big.bin", "big.bin.damaged", "small.bin"]
    assert (toy / "big.bin").read_bytes() == CONTENT


def test_a_full_disk_is_seen_before_the_start(server, toy, monkeypatch):
    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda folder: Usage(10**9, 10**9 - 10**6, 10**6))
    with pytest.raises(FetchError, match=r"Not enough room in .*: 34\.6 MB needed, 1\.0 MB free.*P2V_DATA"):
        fetch("toy", progress=False)
    assert server.manner.requests == []
    assert names(toy) == []


def test_a_disk_that_fills_up_keeps_what_came(server, toy, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(downloads.os, "fsync", full)
    with pytest.raises(FetchError, match="No space left on device") as caught:
        fetch("toy", progress=False)
    assert "by hand" not in str(caught.value)
    assert len(server.manner.requests) == 1
    assert names(toy) == ["big.bin.part"]
    assert not toy_row().have


def test_a_folder_that_cant_be_made_is_named(add, own_folder):
    add(mirrors=("http://mirror.invalid",))
    own_folder.write_text("a file in the way")
    with pytest.raises(FetchError, match=r"can't be made.*P2V_DATA"):
        fetch("toy", progress=False)


def test_a_set_that_asks_for_registration_gives_instructions(add, own_folder):
    add(by_hand="Register with its makers and unpack it there.", files=(row("small.bin", OTHER),))
    with pytest.raises(DataMissingError, match=r"Register with its makers(.|\n)*Missing: small.bin"):
        fetch("toy")
    with pytest.raises(DataMissingError, match="Register with its makers"):
        store.require("toy")
    (own_folder / "toy").mkdir(parents=True)
    (own_folder / "toy" / "small.bin").write_bytes(OTHER)
    assert fetch("toy") == store.require("toy") == own_folder / "toy"


def test_a_set_of_unknown_files_is_there_when_its_folder_is(add, own_folder):
    add(by_hand="Register with its makers and unpack it there.", files=())
    assert not toy_row().have
    with pytest.raises(DataMissingError, match="Register with its makers"):
        fetch("toy")
    (own_folder / "toy").mkdir(parents=True)
    assert toy_row().where == fetch("toy") == own_folder / "toy"


def test_a_system_package_saves_the_download(add, tmp_path):
    system = tmp_path / "usr"
    system.mkdir()
    add(mirrors=("http://mirror.invalid",), system_folders=(system,))
    (system / "big.bin").write_bytes(b"packed again, so of another size")
    assert not toy_row().have
    (system / "small.bin").write_bytes(b"this too")
    assert toy_row().where == fetch("toy", progress=False) == system


def test_an_unknown_set_is_answered_with_the_known_ones():
    with pytest.raises(UserError, match=r"'minst'. There is: mnist, fashion-mnist, cifar10"):
        fetch("minst")


def test_the_catalogue_agrees_with_torchvision():
    from torchvision.datasets import CIFAR10, MNIST, FashionMNIST

    for name, theirs in (("mnist", MNIST), ("fashion-mnist", FashionMNIST)):
        assert [(file, md5) for file, _, md5 in store.full_set(name).files] == theirs.resources
    (archive,) = store.full_set("cifar10").remote_files()
    assert (archive.name, archive.md5, archive.urls) == (CIFAR10.filename, CIFAR10.tgz_md5, (CIFAR10.url,))
    assert all(url.startswith("http") for file in store.full_set("mnist").remote_files() for url in file.urls)


@pytest.mark.parametrize(
    ("platform", "variable", "under"),
    [
        ("linux", "XDG_CACHE_HOME", "pixels-to-voxels"),
        ("win32", "LOCALAPPDATA", "pixels-to-voxels"),
        ("darwin", "HOME", "Library/Caches/pixels-to-voxels"),
    ],
)
def test_the_data_folder_is_the_user_s(monkeypatch, tmp_path, platform, variable, under):
    assert data_folder() == tmp_path / "data"
    monkeypatch.delenv("P2V_DATA")
    monkeypatch.setattr(store.sys, "platform", platform)
    monkeypatch.setenv(variable, str(tmp_path / "home"))
    assert data_folder() == tmp_path / "home" / under
