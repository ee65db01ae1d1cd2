"""Segment a folder with workers that SLURM starts as they are needed.

    pip install "napari-pmrnet[cluster,openvino]" dask-jobqueue
    python dask_jobqueue.py IMAGES LABELS --jobs 8 --queue short

A job of SLURM is a worker; it begins when SLURM gives it a place, and more join while
the run goes on. The scheduler runs here, so start this on a node that those of the
cluster reach, and keep it running: in tmux, or as a small job of its own.
"""

from __future__ import annotations

import argparse

from dask_jobqueue import SLURMCluster

from napari_pmrnet.batch import segment_files


def main() -> int:
    """Start the workers, segment, and end them."""
    given = parser().parse_args()
    with make_cluster(given) as cluster:
        cluster.scale(jobs=given.jobs)
        # Those that SLURM has no place for yet join later, with their first file.
        cluster.wait_for_workers(1)
        address = cluster.scheduler_address
        report = segment_files(given.images, given.labels, scheduler=address)
    print(report.ended, report.summary)
    return 1 if report.ended["failed"] else 0


def parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    taken = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    taken.add_argument("images")
    taken.add_argument("labels")
    taken.add_argument("--jobs", type=int, default=8)
    taken.add_argument("--queue")
    taken.add_argument("--cores", type=int, default=4, help="of each job")
    taken.add_argument("--memory", default="8GB", help="of each job")
    taken.add_argument("--walltime", default="04:00:00")
    return taken


def make_cluster(given: argparse.Namespace) -> SLURMCluster:
    """A cluster without workers yet; one process a job, which uses all of its cores."""
    return SLURMCluster(
        queue=given.queue,
        cores=1,
        job_cpu=given.cores,
        processes=1,
        memory=given.memory,
        walltime=given.walltime,
        job_script_prologue=[f"export OMP_NUM_THREADS={given.cores}"],
    )


if __name__ == "__main__":
    raise SystemExit(main())
