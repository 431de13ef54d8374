"""What our management commands share: JSON on stdout, progress on stderr, exit code 2 for bad input."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from webapp.datasets.models import Dataset
from webapp.jobs.models import Job, JobState


class SortyardCommand(BaseCommand):
    """`refuse` ends with a sentence and exit code 2; `answer` prints one JSON object."""

    requires_system_checks = ()

    def execute(self, *args: Any, **options: Any) -> str | None:
        self.ready_database()
        return super().execute(*args, **options)

    def ready_database(self) -> None:
        """A new data folder gets its tables, as `up` would make them; a server's database is its operator's."""
        executor = MigrationExecutor(connection)
        if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return
        if connection.vendor != "sqlite":
            self.refuse("The database lacks tables of this version: run “manage.py migrate” first.")
        call_command("migrate", verbosity=0, interactive=False)

    def answer(self, content: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(content, ensure_ascii=False))

    def refuse(self, sentence: str) -> NoReturn:
        raise CommandError(sentence, returncode=2)

    @contextmanager
    def refusing(self, *errors: type[Exception]) -> Iterator[None]:
        """Turns these errors into sentences."""
        try:
            yield
        except errors as error:
            self.refuse(str(error))

    def dataset(self, name: str) -> Dataset:
        """The data set of that slug or name."""
        found = Dataset.objects.filter(slug=name).first() or Dataset.objects.filter(name=name).first()
        if found is None:
            known = ", ".join(Dataset.objects.values_list("slug", flat=True)[:20]) or "none yet"
            self.refuse(f"There is no data set “{name}”. Known: {known}.")
        return found

    def succeeded(self, job: Job) -> Job:
        """The job if it succeeded; ends with its error (exit code 1) otherwise."""
        if job.state != JobState.SUCCEEDED:
            raise CommandError(job.error or f"It was {job.get_state_display().lower()}.", returncode=1)
        return job


def count_line(what: str) -> Callable[[int, int], None]:
    """A callback that keeps “what done / total” on stderr, on a terminal only."""

    def show(done: int, total: int) -> None:
        if sys.stderr.isatty() and (done % 100 == 0 or done == total):
            sys.stderr.write(f"\r\x1b[K{what} {done:,} / {total:,}" + ("\n" if done == total else ""))
            sys.stderr.flush()

    return show


def progress_line(name: str = "") -> Callable[[Job], None]:
    """A callback that keeps one line on stderr up to date: on a terminal only, to keep logs clean.

    `name`: of what the job makes, such as “kerbside/5”; the job's own number where there is none.
    """
    shown = ""

    def show(job: Job) -> None:
        nonlocal shown
        state = f"{job.get_state_display().lower()} {job.progress:4.0%}"
        line = f"{job.get_kind_display()} {name or job.pk}: {state} {job.message}"
        if line == shown:
            return
        shown = line
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{line[:110]}" + ("" if job.is_unfinished else "\n"))
        else:
            sys.stderr.write(line + "\n")
        sys.stderr.flush()

    return show
