"""`python -m worker predict`, `python -m worker reap` and `python -m worker drain --job ID`."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.config.settings")


def drain(job_id: int) -> int:
    """Runs one job, and those it waits for, in this process; no broker needed. Exit code 1 if it did not succeed."""
    from webapp.jobs.models import Job, JobState
    from worker.reaper import reap
    from worker.runner import run_job

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    while not stop.is_set():
        job = Job.objects.select_related("after").get(pk=job_id)
        if not job.is_unfinished:
            return 0 if job.state == JobState.SUCCEEDED else 1
        if job.after is not None and job.after.is_unfinished:
            run_job(job.after.pk, is_stopping=stop.is_set)
        if not run_job(job_id, is_stopping=stop.is_set):
            reap()  # another may hold it: wait for that one, or take over when it dies
            time.sleep(0.3)
    return 143


def reap_for_ever() -> int:
    """Looks for lost jobs every JOB_REAPER_SECONDS until ended.

    A loop of its own and not a task: it must work while every worker is busy, and while the broker is away.
    """
    from django.conf import settings
    from django.db import close_old_connections

    from worker.reaper import reap

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    while not stop.is_set():
        close_old_connections()
        try:
            reap()
        except Exception:
            logging.getLogger(__name__).exception("A round of the reaper failed; the next one comes")
        stop.wait(settings.JOB_REAPER_SECONDS)
    return 0


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m worker", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("predict", help="classify photos for the pages, until ended", add_help=False)
    commands.add_parser("reap", help="requeue lost jobs and ring for waiting ones, until ended")
    drain_parser = commands.add_parser("drain", help="run one job here and now")
    drain_parser.add_argument("--job", type=int, required=True)
    args, rest = parser.parse_known_args(argv)
    django.setup()
    if args.command == "drain":
        return drain(args.job)
    if args.command == "reap":
        return reap_for_ever()
    from worker import predict

    return predict.main(rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
