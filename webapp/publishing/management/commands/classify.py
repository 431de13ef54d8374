"""`manage.py classify IMAGE…`: answers of a published model, one JSON object a line."""

from __future__ import annotations

import subprocess
import sys
from argparse import ArgumentParser
from typing import Any

from webapp.core.commands import SortyardCommand
from webapp.publishing.bundles import bundle_folder
from webapp.publishing.models import PublishedModel
from webapp.publishing.selectors import current_models


class Command(SortyardCommand):
    help = (
        "Classifies photos with the published model; needs neither broker nor worker. One JSON object a line."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("images", metavar="IMAGE", nargs="+", help="JPEG, PNG or WebP files")
        parser.add_argument(
            "--dataset", metavar="DATASET", help="whose model to ask; else the one published last"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        bundle = bundle_folder(self.published_model(options["dataset"]).bundle)
        # The site never loads onnxruntime itself: the engine's own command answers, line by line.
        command = [sys.executable, "-m", "ml", "predict", str(bundle), *options["images"]]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
            assert process.stdout is not None
            for line in process.stdout:
                self.stdout.write(line, ending="")
                self.stdout.flush()
        if process.returncode:
            sys.exit(2)

    def published_model(self, name: str | None) -> PublishedModel:
        """The current model of that data set, or of the one published last."""
        models = current_models()
        model = models.filter(dataset=self.dataset(name)).first() if name else models.first()
        if model is None:
            self.refuse(
                "No model is published: publish a finished run first (manage.py publish DATASET/NUMBER)."
            )
        return model
