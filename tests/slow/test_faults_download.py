"""The set is fetched over a network that is absent, slow or broken: the real command, a small set, a server of its own."""

import hashlib
import http.server
import io
import json
import shutil
import threading
import time
import zipfile

import pytest
import tiny_images
from checkouts import PARTS, copy
from commands import cxr
from fault_table import came_to

PATCH = """
DATASET.counts = {counts!r}
"""
ADDRESSES = """
ARCHIVE, LISTING = "http://127.0.0.1:{port}/set.zip", "http://127.0.0.1:{port}/list"
"""


class Host(http.server.BaseHTTPRequestHandler):
    """Serve an archive as `server.manner` says: whole, cut off half way, slowly, silent half way, or with another checksum."""

    def do_HEAD(self):
        self.send_response(405)
        self.end_headers()

    def do_GET(self):
        manner = self.server.manner
        if self.path == "/list":
            listed = {
                "download_url": f"http://127.0.0.1:{self.server.server_port}/set.zip",
                "sha256_hash": "0" * 64 if manner == "wrong" else hashlib.sha256(self.server.archive).hexdigest(),
            }
            return self._send(json.dumps([{"content_details": listed}]).encode())
        archive = self.server.archive
        self.server.calls += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(archive)))
        self.end_headers()
        step = len(archive) // 8
        for place in range(0, len(archive), step):
            if manner == "cut" and place >= len(archive) // 2:
                self.close_connection = True
                return
            self.wfile.write(archive[place : place + step])
            self.wfile.flush()
            if manner == "slow":
                time.sleep(0.1)
            if manner == "silent" and self.server.calls == 1 and place:  # until the other side gives up
                self.rfile.read()
                return

    def _send(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    images = tiny_images.write(tmp_path_factory.mktemp("images") / "chest_xray")
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as bundle:
        for path in sorted(images.rglob("*.jpeg")):
            bundle.write(path, path.relative_to(images.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host) as server:
        server.archive, server.calls, server.manner = target.getvalue(), 0, "whole"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def checkout(host, tmp_path_factory):
    root = copy(tmp_path_factory.mktemp("download") / "checkout", PARTS)
    with open(root / "cxr_helpers/data/dataset.py", "a") as module:
        module.write(PATCH.format(counts=tiny_images.COUNTS))
    path = root / "cxr_helpers/extras/other_sets/download.py"
    text = path.read_text().replace('"https://www.kaggle.com"', '"http://127.0.0.1:1"')
    path.write_text(text.replace("_SILENCE_SECONDS = 30", "_SILENCE_SECONDS = 5") + ADDRESSES.format(port=host.server_port))
    return root


@pytest.fixture(autouse=True)
def nothing_left(checkout):
    yield
    for name in ("data", "build"):
        shutil.rmtree(checkout / name, ignore_errors=True)


def prepare(checkout):
    places = {"CXR_DATA_DIR": None, "CXR_GEOMETRY": None}
    places |= {"KAGGLEHUB_CACHE": checkout / "none", "CXR_BUILD_DIR": checkout / "build"}
    return cxr("prepare", "--profile", "full", root=checkout, **places)


def test_a_slow_network(checkout, host):
    host.manner = "slow"
    done = prepare(checkout)
    assert done.code == 0, done.err
    assert [path.name for path in (checkout / "data").iterdir()] == ["chest_xray"]
    came_to("slow network", "cxr prepare", "the set is there, its SHA-256 checked")


def test_a_host_that_falls_silent(checkout, host):
    host.manner, host.calls = "silent", 0
    done = prepare(checkout)
    assert done.code == 0, done.err
    assert host.calls == 2
    assert [path.name for path in (checkout / "data").iterdir()] == ["chest_xray"]
    came_to("a host that falls silent half way", "cxr prepare", "connected again, begins again; its SHA-256 checked")


def test_a_download_cut_off_half_way(checkout, host):
    host.manner, host.calls = "cut", 0
    cut = prepare(checkout)
    assert cut.code == 1 and "Traceback" not in cut.err and "broke off 3 times: start it again" in cut.last
    assert host.calls == 3 and not list((checkout / "data").iterdir())
    host.manner = "whole"
    done = prepare(checkout)
    assert done.code == 0, done.err
    assert [path.name for path in (checkout / "data").iterdir()] == ["chest_xray"]
    came_to("a download cut off half way", "cxr prepare", cut.last.replace(str(host.server_port), "…"), checkout)
    came_to("run again after a cut", "cxr prepare", "begins again; the set is there, its SHA-256 checked")


def test_a_wrong_checksum(checkout, host):
    host.manner = "wrong"
    done = prepare(checkout)
    assert done.code == 1 and "SHA-256" in done.last and not list((checkout / "data").iterdir())
    came_to("a wrong checksum", "cxr prepare", done.last.replace(str(host.server_port), "…"), checkout)


def test_no_network(checkout):
    path = checkout / "cxr_helpers/extras/other_sets/download.py"
    before = path.read_text()
    path.write_text(before + ADDRESSES.format(port=1))
    done = prepare(checkout)
    path.write_text(before)
    assert done.code == 1 and not (checkout / "data").exists()
    came_to("no network", "cxr prepare", done.err, checkout)
