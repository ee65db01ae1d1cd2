"""The work of a batch on a cluster: one task a file, on whichever worker is free."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from napari_pmrnet import __version__
from napari_pmrnet._runtime import keep_freed_memory
from napari_pmrnet.batch.cluster.workers import (
    Demands,
    check_workers,
    connected,
    is_running,
    local_cluster,
    lost,
    worker_count,
)
from napari_pmrnet.batch.events import FileEvent, FileProgress, FileStarted
from napari_pmrnet.batch.job import BatchJob
from napari_pmrnet.batch.local import Ended
from napari_pmrnet.batch.lock import RunLock
from napari_pmrnet.batch.task import Outcome, Task, failed, segment_file
from napari_pmrnet.errors import ClusterError
from napari_pmrnet.models.library import SUFFIX
from napari_pmrnet.segmentation.predict import Progress

if TYPE_CHECKING:
    from distributed import Client, Future

RETRIES = 2
"""Times that a file is tried again after an error that was not foreseen."""
RESUBMITS = 2
"""Times that a file is tried again that only waited on workers that died."""
A_WORKER = 2
"""Files given for each worker: one at work, one that waits for it."""
WAIT_SECONDS, COUNT_SECONDS, GATHER_SECONDS = 0.2, 5.0, 30.0
PATIENCE_SECONDS = 120.0

Work = Callable[[Task, Demands, Callable[[Progress], None]], Outcome | None]


@contextmanager
def on_cluster(
    job: BatchJob, weights_hash: str, lock: RunLock, images: Iterable[Path]
) -> Iterator[OnCluster]:
    """The workers of the cluster that a job names, or of one here, while a run lasts.

    Parameters
    ----------
    job : BatchJob
    weights_hash : str
        SHA-256 of the weights.
    lock : RunLock
        Of the run; workers know by it that they see the output folder, and that the
        run goes on.
    images : iterable of Path
        The first one that exists must be seen by all.

    Raises
    ------
    ClusterError
        If the cluster cannot be used.
    """
    demands = Demands(
        __version__,
        _seen_by_all(job.settings.model),
        weights_hash,
        token=lock.note.absolute(),
        text=lock.run,
        folder=job.output.absolute(),
        image=next((path.absolute() for path in images if path.exists()), None),
    )
    here = nullcontext(job.scheduler) if job.scheduler else local_cluster(job.workers)
    with (
        here as address,
        connected(address) as client,
        closing(OnCluster(client, address, demands)) as workers,
    ):
        if job.scheduler is None:
            client.run(keep_freed_memory)
        yield workers


def _seen_by_all(model: str) -> str:
    """A model as workers find it, who are in another folder: its name or whole path."""
    if not model.endswith(SUFFIX):
        return model
    return str(Path(model).expanduser().absolute())


class OnCluster:
    """Gives files to the workers of a cluster and gathers what came of them.

    Parameters
    ----------
    client : distributed.Client
    address : str
        Of the scheduler, for messages.
    demands : Demands
        What every worker must have; asked of all of them at once.
    work : callable
        Done on a worker; `segment_file`.

    Raises
    ------
    ClusterError
        If a worker cannot take part; later on, if the scheduler is lost.
    """

    def __init__(
        self,
        client: Client,
        address: str,
        demands: Demands,
        work: Work = segment_file,
    ) -> None:
        self._client, self._address = client, address
        self._demands, self._work = demands, work
        self.workers = self._most = check_workers(client, demands)
        self._topic = f"napari-pmrnet-{demands.text}"
        self._tasks: dict[int, tuple[Task, Future]] = {}
        self._starts: Counter[int] = Counter()
        self._resubmits: Counter[int] = Counter()
        self._tries = count()
        self._inbox: SimpleQueue[Any] = SimpleQueue()
        self._counted = self._seen = time.monotonic()
        client.subscribe_topic(self._topic, lambda event: self._inbox.put(event[1]))

    @property
    def is_full(self) -> bool:
        """Tell whether every worker has a file at work and one that waits."""
        return len(self._tasks) >= A_WORKER * max(1, self.workers)

    @property
    def is_busy(self) -> bool:
        """Tell whether a file has not ended."""
        return bool(self._tasks)

    def submit(self, task: Task) -> None:
        """Give a file to the cluster."""
        future = self._client.submit(
            run_task,
            self._work,
            replace(
                task,
                path=task.path.absolute(),
                target=task.target.absolute(),
            ),
            self._demands,
            self._topic,
            key=f"{self._topic}-{task.number}-{next(self._tries)}",
            retries=RETRIES,
            pure=False,
        )
        self._starts[task.number] = 0
        self._tasks[task.number] = task, future
        future.add_done_callback(lambda _: self._inbox.put(task.number))

    def step(self) -> list[FileEvent | Ended]:
        """Wait a moment for news of the workers."""
        told: list[FileEvent | Ended] = []
        with suppress(Empty):
            news = self._inbox.get(timeout=WAIT_SECONDS)
            while True:
                told += self._note(news) if isinstance(news, dict) else self._end(news)
                news = self._inbox.get_nowait()
        if not is_running(self._client):
            raise lost(self._address)
        self._count_workers()
        return told

    def where(self, devices: Sequence[str]) -> str:
        """Number of workers there were, and devices that the network ran on."""
        many = "1 worker" if self._most == 1 else f"{self._most} workers"
        return f"{many} ({', '.join(devices)})"

    def close(self) -> None:
        """Cancel what has not ended.

        Files at work are given up by their workers when they see that the run is over.
        """
        futures = [future for _, future in self._tasks.values()]
        self._tasks.clear()
        if is_running(self._client):
            with suppress(OSError, RuntimeError, ValueError):
                if futures:
                    self._client.cancel(futures)
                self._client.unsubscribe_topic(self._topic)

    def _note(self, news: dict[str, Any]) -> list[FileEvent | Ended]:
        """A worker tells how far a file is; first of all, that it has begun."""
        number, progress = news["number"], Progress(*news["progress"])
        if number not in self._tasks:
            return []
        path = self._tasks[number][0].path
        if news["begun"]:
            self._starts[number] += 1
            return [FileStarted(number, path)]
        return [FileProgress(number, path, progress)]

    def _end(self, number: int) -> list[FileEvent | Ended]:
        """The task of a file is over, one way or the other."""
        if number not in self._tasks:
            return []
        task, future = self._tasks[number]
        if future.status in ("cancelled", "lost"):
            raise lost(self._address)
        if future.status == "pending":
            # Its result went with a worker; the scheduler has it done again.
            future.add_done_callback(lambda _: self._inbox.put(number))
            return []
        try:
            outcome = future.result(timeout=GATHER_SECONDS)
        except TimeoutError:
            self._inbox.put(number)
            return []
        except Exception as error:  # noqa: BLE001  one file does not end the run
            outcome = self._blamed(task, error)
        if outcome is None:
            self.submit(task)
            return []
        del self._tasks[number]
        return [Ended(number, outcome)]

    def _blamed(self, task: Task, error: Exception) -> Outcome | None:
        """The outcome of a task that failed; None if it is to be tried again.

        The scheduler gives up a file after some deaths of workers that had it, whether
        they had begun with it or not.
        """
        from distributed import CancelledError, KilledWorker

        if isinstance(error, CancelledError):
            raise lost(self._address) from error
        if not isinstance(error, KilledWorker):
            return failed(task, error)
        deaths = error.allowed_failures + 1
        innocent = self._starts[task.number] < deaths
        if innocent and self._resubmits[task.number] < RESUBMITS:
            self._resubmits[task.number] += 1
            return None
        return failed(
            task,
            ClusterError(
                f"{deaths} workers died while they segmented it, the last of them "
                f"{error.last_worker.address}. Often memory was short; the worker's "
                "log tells."
            ),
        )

    def _count_workers(self) -> None:
        """Follow the number of workers; without any for long the run ends."""
        now = time.monotonic()
        if now - self._counted < COUNT_SECONDS:
            return
        self._counted = now
        self.workers = worker_count(self._client, self._address)
        self._most = max(self._most, self.workers)
        if self.workers:
            self._seen = now
        elif now - self._seen > PATIENCE_SECONDS:
            raise ClusterError(
                f"{self._address}: the cluster has had no worker for "
                f"{PATIENCE_SECONDS:g} seconds. Start some; the same command goes on "
                "from here."
            )


def run_task(work: Work, task: Task, demands: Demands, topic: str) -> Outcome | None:
    """Assignment of a worker: a file, and how to tell of it.

    Parameters
    ----------
    work : callable
    task : Task
    demands : Demands
    topic : str
        Under which the run listens.
    """
    from distributed import get_worker

    worker, begun = get_worker(), [True]

    def tell(progress: Progress) -> None:
        first = begun.pop() if begun else False
        news = {"number": task.number, "progress": tuple(progress), "begun": first}
        worker.log_event(topic, news)

    return work(task, demands, tell)
