"""A batch on a cluster of processes, of which some die; clusters that are not there."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import numpy as np
import pandas as pd
import psutil
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

from napari_pmrnet import __version__
from napari_pmrnet.batch import BatchJob, batch_steps, run_log
from napari_pmrnet.batch import task as task_module
from napari_pmrnet.batch.cluster.files import OnCluster, _seen_by_all
from napari_pmrnet.batch.cluster.workers import Demands, complaint, connected
from napari_pmrnet.batch.events import FileEnded, FileProgress, FileStarted
from napari_pmrnet.batch.local import Ended
from napari_pmrnet.batch.summary import Row
from napari_pmrnet.batch.task import Outcome, Task, segment_file
from napari_pmrnet.cli import app as app_module
from napari_pmrnet.errors import ClusterError, SoftwareError
from napari_pmrnet.io.images import read_image
from napari_pmrnet.io.label_zarr import open_label_zarr
from napari_pmrnet.models import load_model
from napari_pmrnet.models.card import new_card
from napari_pmrnet.segmentation import Settings, blocks, label_store, sizes
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.predict import Progress

from ...segmentation.conftest import labelled
from ..conftest import HASH, left_over

distributed = pytest.importorskip("distributed")
posix = pytest.mark.skipif(sys.platform == "win32", reason="kills processes by signal")


@contextmanager
def two_processes(place, cache):
    """Two worker processes of one thread on this machine."""
    (place / "cache").mkdir()
    (place / "cache" / "napari-pmrnet").symlink_to(cache)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        made = distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            local_directory=str(place),
        )
    with made:
        yield made


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, cache):
    """Two worker processes that the tests share."""
    with two_processes(tmp_path_factory.mktemp("dask"), cache) as made:
        yield made


@pytest.fixture
def small_blocks(cluster):
    """The cluster, its workers taking small images for large ones, in small blocks."""

    def shrink():
        sizes.LARGE_PLANE, task_module.LARGE_FILE = 20_000, 0
        label_store.LabelStore.__init__.__defaults__ = tuple(
            200 if value == blocks.SIDE else value
            for value in label_store.LabelStore.__init__.__defaults__
        )

    class Shrink(distributed.WorkerPlugin):
        name = "shrink"

        def setup(self, worker):
            shrink()

    with distributed.Client(cluster) as client:
        client.register_plugin(Shrink())
        yield cluster
        client.unregister_worker_plugin("shrink")


def images(folder, count=6, side=96):
    """Images of bright squares in noise, each with others."""
    folder.mkdir()
    for number in range(count):
        rng = np.random.default_rng(number)
        picture = rng.integers(0, 30, (side, side), dtype=np.uint8)
        for y, x in rng.integers(0, side - 16, (5, 2)):
            picture[y : y + 14, x : x + 14] += 180
        Image.fromarray(picture).save(folder / f"{number}.png")
    return folder


def run(job, after=lambda event: None, stop=lambda: False):
    """Run a job; its report and its events."""
    steps, events = batch_steps(job, stop=stop), []
    while True:
        try:
            events.append(next(steps))
        except StopIteration as ended:
            return ended.value, events
        after(events[-1])


def labels_in(folder):
    """Labels by name of the file."""
    return {path.name: read_image(path)[0].data for path in folder.glob("*_labels.tif")}


@posix
def test_a_worker_killed_in_mid_run_loses_no_file(cluster, tmp_path):
    folder = images(tmp_path / "images")
    settings = Settings(device="cpu", diameter=14)
    alone, _ = run(BatchJob((str(folder),), tmp_path / "alone", settings))
    with distributed.Client(cluster) as client:
        pids = set(client.run(os.getpid).values())
    killed = []

    def kill(event):
        if isinstance(event, FileEnded) and not killed:
            killed.append(pids.pop())
            os.kill(killed[0], signal.SIGKILL)

    job = BatchJob(
        (str(folder),),
        tmp_path / "out",
        settings,
        scheduler=cluster.scheduler_address,
    )
    report, events = run(job, kill)
    assert killed and report.ended["done"] == 6 and not report.stopped
    ended = Counter(e.number for e in events if isinstance(e, FileEnded))
    assert ended == dict.fromkeys(range(6), 1)
    assert {e.number for e in events if isinstance(e, FileStarted)} == set(range(6))
    assert "workers (cpu with" in report.device
    found, wanted = labels_in(tmp_path / "out"), labels_in(tmp_path / "alone")
    assert found.keys() == wanted.keys() and len(found) == 6
    assert all((found[name] == wanted[name]).all() for name in wanted)
    assert any(labels.any() for labels in wanted.values())
    tables = [pd.read_csv(r.summary).drop(columns="seconds") for r in (report, alone)]
    assert tables[0].equals(tables[1])
    assert [row.file for row in report.rows] == [row.file for row in alone.rows]
    lines = (tmp_path / "out" / run_log.FOLDER / "record.jsonl").read_text()
    assert lines.count('"key"') == 6
    assert len(list((tmp_path / "out").rglob("*.jpg"))) == 6
    _, again = run(job)
    statuses = [e.status for e in again if isinstance(e, FileEnded)]
    assert statuses == ["unchanged"] * 6


def demands_of(folder, **changes):
    """Demands that this machine meets, apart from changes."""
    folder.mkdir(exist_ok=True)
    (folder / "token").write_text("this run")
    values = {
        "version": __version__,
        "model": "nuclei",
        "weights_hash": HASH,
        "token": folder / "token",
        "text": "this run",
        "folder": folder,
    }
    return Demands(**values | changes)


def tasks(tmp_path, count):
    """Tasks that name no image."""
    return [
        Task(
            n, tmp_path / f"{n}.png", tmp_path / "t.tif", Row(f"{n}"), Settings(), HASH
        )
        for n in range(count)
    ]


def outcomes(workers, todo):
    """Give tasks to workers as the engine does; what came of each."""
    found = {}
    todo = list(todo)
    while todo or workers.is_busy:
        while todo and not workers.is_full:
            workers.submit(todo.pop(0))
        for told in workers.step():
            if isinstance(told, Ended):
                assert told.number not in found
                found[told.number] = told.outcome
    return found


@posix
@pytest.mark.slow
def test_a_file_that_kills_workers_is_told_and_no_other_is_blamed(cache, tmp_path):
    def deadly(task, demands, tell):
        tell((0, 0, "reading"))
        time.sleep(1)
        if task.number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return Outcome(task.row)

    # A cluster of its own: a process that dies while it starts is not always replaced.
    (tmp_path / "dask").mkdir()
    with two_processes(tmp_path / "dask", cache) as own:
        address = own.scheduler_address
        with connected(address) as client:
            demands = demands_of(tmp_path / "out")
            workers = OnCluster(client, address, demands, deadly)
            found = outcomes(workers, tasks(tmp_path, 8))
    assert "workers died while they segmented it" in found.pop(1).row.error
    assert len(found) == 7 and not any(o.row.error for o in found.values())


@posix
@pytest.mark.slow
def test_processes_of_this_computer_find_the_same_though_one_dies(
    cache, tmp_path, monkeypatch
):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "napari-pmrnet").symlink_to(cache)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = images(tmp_path / "images")
    settings = Settings(device="cpu", diameter=14)
    alone, _ = run(BatchJob((str(folder),), tmp_path / "alone", settings))
    before, killed = set(workers_of_this_process()), []

    def kill(event):
        if isinstance(event, FileEnded) and not killed:
            killed.append((set(workers_of_this_process()) - before).pop())
            killed[0].kill()

    job = BatchJob((str(folder),), tmp_path / "shared", settings, workers=2)
    shared, _ = run(job, after=kill)
    assert killed and shared.ended["done"] == alone.ended["done"] == 6
    assert "2 workers" in shared.device
    for name, labels in labels_in(tmp_path / "alone").items():
        np.testing.assert_array_equal(labels_in(tmp_path / "shared")[name], labels)
    assert not left_over(tmp_path / "shared")
    assert set(workers_of_this_process()) <= before


def workers_of_this_process():
    """Processes that were spawned to work."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "spawn_main" in " ".join(process.cmdline()):
                yield process


def test_an_unforeseen_error_is_tried_again_and_then_told(cluster, tmp_path):
    def odd(task, demands, tell):
        tries = task.path.with_suffix(".tries")
        with tries.open("a") as stream:
            stream.write("x")
        if task.number == 0 or tries.stat().st_size < 2:
            raise RuntimeError("the storage\nhiccuped")
        return Outcome(task.row)

    with connected(cluster.scheduler_address) as client:
        workers = OnCluster(
            client, cluster.scheduler_address, demands_of(tmp_path / "out"), odd
        )
        found = outcomes(workers, tasks(tmp_path, 2))
    assert found[0].row.error == "RuntimeError: the storage hiccuped"
    assert not found[1].row.error
    assert (tmp_path / "0.tries").read_text() == "xxx"


def test_a_file_that_a_worker_gave_up_is_given_out_again(cluster, tmp_path):
    def shy(task, demands, tell):
        tries = task.path.with_suffix(".tries")
        with tries.open("a") as stream:
            stream.write("x")
        return Outcome(task.row) if tries.stat().st_size > 2 else None

    with connected(cluster.scheduler_address) as client:
        workers = OnCluster(
            client, cluster.scheduler_address, demands_of(tmp_path / "out"), shy
        )
        found = outcomes(workers, tasks(tmp_path, 1))
    assert not found[0].row.error


def test_a_model_of_ones_own_is_named_by_its_whole_path(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert _seen_by_all("own.safetensors") == str(tmp_path / "own.safetensors")
    assert _seen_by_all("nuclei") == "nuclei"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": "9.9"}, "has napari-pmrnet .* pip install"),
        ({"weights_hash": "0" * 64}, "other weights of the model nuclei"),
        ({"model": "gone.safetensors"}, "gone.safetensors does not exist"),
        ({"text": "another run"}, "does not see the output folder"),
    ],
)
def test_a_worker_that_cannot_take_part_is_named(cluster, tmp_path, changes, words):
    demands = demands_of(tmp_path / "out", **changes)
    address = cluster.scheduler_address
    with (
        connected(address) as client,
        pytest.raises(ClusterError, match=f"Worker tcp://.*{words}"),
    ):
        OnCluster(client, address, demands)


def test_what_a_worker_must_see(tmp_path):
    demands = demands_of(tmp_path / "out")
    assert complaint(demands) == ""
    gone = demands_of(tmp_path / "out", image=tmp_path / "gone.png")
    assert "does not see the image" in complaint(gone)
    demands.token.unlink()
    assert "does not see the output folder" in complaint(demands)


def test_a_worker_that_joins_late_and_is_not_fit_ends_the_run(tmp_path):
    demands = demands_of(tmp_path / "out", version="9.9")
    (task,) = tasks(tmp_path, 1)
    outcome = segment_file(task, demands)
    assert outcome.ends_run and "A worker has napari-pmrnet" in outcome.row.error


def test_one_network_a_process_and_one_thread_at_a_time(monkeypatch, tmp_path):
    loaded, inside, most = [], [], []

    def steps(task, model, rows):
        inside.append(task)
        most.append(len(inside))
        time.sleep(0.05)
        inside.remove(task)
        yield Progress(1, 1, "window")
        return Outcome(task.row)

    def load(*_):
        loaded.append(1)
        return SimpleNamespace(card=new_card(("probability",), sha256=HASH))

    monkeypatch.setattr(task_module, "file_steps", steps)
    monkeypatch.setattr("napari_pmrnet.models.load_model", load)
    monkeypatch.setattr("napari_pmrnet.batch.cluster.workers._models", {})
    demands = demands_of(tmp_path / "out")
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda t: segment_file(t, demands), tasks(tmp_path, 8)))
    assert len(done) == 8 and len(loaded) == 1 and set(most) == {1}
    demands.token.unlink()
    assert segment_file(tasks(tmp_path, 1)[0], demands) is None


def test_a_cancelled_run_gives_up_what_is_at_work(cluster, tmp_path):
    folder = images(tmp_path / "images", 5, side=640)
    stopped = threading.Event()
    job = BatchJob(
        (str(folder),),
        tmp_path / "out",
        Settings(device="cpu"),
        scheduler=cluster.scheduler_address,
    )
    started = []

    def stop(event):
        if isinstance(event, FileStarted):
            started.append(event)
            stopped.set()

    report, _ = run(job, stop, stopped.is_set)
    assert report.stopped and started
    with distributed.Client(cluster) as client:
        deadline = time.monotonic() + 60
        while any(client.processing().values()) and time.monotonic() < deadline:
            time.sleep(0.1)
    time.sleep(1)
    assert len(labels_in(tmp_path / "out")) == report.ended["done"] < 5
    assert not left_over(tmp_path)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_a_scheduler_that_is_not_there_is_one_line(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_pmrnet.batch.cluster.workers.CONNECT_SECONDS", 1.0)
    address = f"tcp://127.0.0.1:{free_port()}"
    words = ["segment", str(folder), "--output", str(tmp_path / "out")]
    result = CliRunner().invoke(app_module.app, [*words, "--scheduler", address])
    assert isinstance(result.exception, ClusterError)
    assert str(result.exception).startswith(f"{address}: no scheduler answers there.")
    assert "\n" not in str(result.exception) and not result.output.strip()
    assert not (tmp_path / "out" / run_log.FOLDER / "lock.json").exists()


def test_without_the_package_the_extra_is_named(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    job = BatchJob((str(folder),), tmp_path / "out", scheduler="tcp://127.0.0.1:1")
    with pytest.raises(SoftwareError, match=r"pip install .napari-pmrnet\[cluster\]"):
        run(job)
    job = BatchJob((str(folder),), tmp_path / "out", workers=2)
    with pytest.raises(SoftwareError, match=r"pip install .napari-pmrnet\[cluster\]"):
        run(job)


def test_a_run_without_a_cluster_does_not_import_it():
    code = (
        "import sys, napari_pmrnet.batch\n"
        "print('LOADED', {'distributed', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120
    )
    assert "LOADED set()" in done.stdout, done.stderr


def test_a_lost_scheduler_is_one_line_and_the_run_goes_on_later(tmp_path):
    folder = images(tmp_path / "images", 3)
    lost = distributed.LocalCluster(
        n_workers=1, processes=False, dashboard_address=":0", threads_per_worker=1
    )
    job = BatchJob(
        (str(folder),),
        tmp_path / "out",
        Settings(device="cpu"),
        scheduler=lost.scheduler_address,
    )
    closed = []

    def lose(event):
        if isinstance(event, FileEnded) and not closed:
            closed.append(event)
            lost.close()

    with pytest.raises(ClusterError, match="connection to the scheduler was lost"):
        run(job, lose)
    table = pd.read_csv(tmp_path / "out" / "summary.csv")
    assert 1 <= len(table) < 3 and table["labels"].notna().all()
    here = BatchJob(job.inputs, job.output, job.settings)
    report, _ = run(here)
    assert report.ended["done"] + report.ended["unchanged"] == 3
    assert report.ended["unchanged"] == len(table)


def slide(path, side=700):
    """A tiled image of discs in noise."""
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 30, (side, side), dtype=np.uint8)
    y, x = np.indices((side, side))
    for cy, cx in rng.integers(0, side, (60, 2)):
        picture[(y - cy) ** 2 + (x - cx) ** 2 < 64] += 150
    tifffile.imwrite(path, picture, tile=(64, 64))
    return path


@posix
@pytest.mark.slow
def test_a_large_image_is_shared_by_the_workers_though_one_dies(small_blocks, tmp_path):
    cluster = small_blocks
    settings = Settings(device="cpu", diameter=20)
    path = slide(tmp_path / "slide.tif")
    out = tmp_path / "out"
    with distributed.Client(cluster) as client:
        pids = client.run(os.getpid)
    made = []

    def kill(event):
        if isinstance(event, FileProgress) and "row" in event.progress.message:
            made.append(event)
            if len(made) == 1:
                os.kill(next(iter(pids.values())), signal.SIGKILL)

    job = BatchJob((str(path),), out, settings, scheduler=cluster.scheduler_address)
    report, _ = run(job, kill)
    assert report.ended["done"] == 1 and made
    (row,) = report.rows
    assert row.labels == "slide_labels.zarr" and row.nuclei > 30
    plane = Plane([tifffile.imread(path)])
    output = tmp_path / "alone.zarr"
    alone = labelled(plane, output, settings, load_model(), block=200)
    found, wanted = (
        open_label_zarr(place, "r")[...] for place in (out / row.labels, alone.labels)
    )
    np.testing.assert_array_equal(found, wanted)
    assert not [p for p in out.iterdir() if "parts" in p.name or "unfin" in p.name]
