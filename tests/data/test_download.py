import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from torsor.data import Remote, fetch
from torsor.errors import DataError

CONTENT = bytes(range(256)) * 9000


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    """The address of a server on this machine with one file, data.bin."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "data.bin").write_bytes(CONTENT)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def remote(url: str, algorithm: str = "sha256") -> Remote:
    return Remote(url, algorithm, hashlib.new(algorithm, CONTENT).hexdigest())


@pytest.mark.parametrize("algorithm", ["sha256", "sha1", "md5"])
def test_fetch(server, tmp_path, algorithm):
    path = fetch(remote(f"{server}/data.bin", algorithm), tmp_path / "deep" / "folder")
    assert path == tmp_path / "deep" / "folder" / "data.bin"
    assert path.read_bytes() == CONTENT
    assert [p.name for p in path.parent.iterdir()] == ["data.bin"]


def test_a_right_file_is_not_fetched_again(tmp_path):
    (tmp_path / "data.bin").write_bytes(CONTENT)
    assert fetch(remote("http://127.0.0.1:9/data.bin"), tmp_path).read_bytes() == CONTENT


def test_a_wrong_file_is_reported_and_left_alone(tmp_path):
    (tmp_path / "data.bin").write_bytes(b"mine")
    with pytest.raises(DataError, match=r"expected sha256 .* delete .*data\.bin"):
        fetch(remote("http://127.0.0.1:9/data.bin"), tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == b"mine"


def test_wrong_digest_leaves_nothing(server, tmp_path):
    wrong = Remote(f"{server}/data.bin", "sha256", "0" * 64)
    with pytest.raises(DataError, match=f"expected sha256 {'0' * 64}, received"):
        fetch(wrong, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/data.bin", "file:///nowhere/data.bin"])
def test_no_network_is_said(tmp_path, url):
    with pytest.raises(DataError, match="cannot be reached"):
        fetch(remote(url), tmp_path / "out", timeout=5)
    assert list((tmp_path / "out").iterdir()) == []


def test_absent_file_on_the_server(server, tmp_path):
    with pytest.raises(DataError, match="cannot be reached"):
        fetch(remote(f"{server}/other.bin"), tmp_path)
