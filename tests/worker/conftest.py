from collections.abc import Callable
from io import BytesIO

import pytest

from webapp.datasets.models import Source
from webapp.ingest.folders import class_folder
from webapp.ingest.models import UploadBatch
from webapp.ingest.services import Incoming, batch_add_files, batch_close, batch_open
from worker.runner import run_job


@pytest.fixture
def imported(dataset, curator) -> Callable[..., UploadBatch]:
    """`imported({"glass/1.jpg": bytes})` uploads these files and runs the import job to its end."""

    def do(files: dict[str, bytes], *, source: Source = Source.UPLOAD) -> UploadBatch:
        batch = batch_open(dataset=dataset, created_by=curator, source=source, author="Ann", licence="CC0")
        batch_add_files(
            batch=batch,
            files=[Incoming(name, class_folder(name), BytesIO(data)) for name, data in files.items()],
        )
        job = batch_close(batch=batch)
        assert run_job(job.pk)
        batch.refresh_from_db()
        return batch

    return do
