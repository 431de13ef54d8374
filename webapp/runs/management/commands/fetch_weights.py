"""`manage.py fetch_weights NAME`: pretrained weights of one backbone into this site's data folder."""

from __future__ import annotations

import subprocess
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings

from ml.pretrained import PRETRAINED
from webapp.core.commands import SortyardCommand
from webapp.core.store import site_store


class Command(SortyardCommand):
    help = (
        "Fetches the pretrained weights of a backbone from torchvision's server, whole or not at all. "
        "Prints one JSON object: the backbone, its file and that file's sha256."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "backbone", metavar="NAME", choices=sorted(PRETRAINED), help="for example resnet18"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # The site never loads torch itself: the engine's own command fetches, and says what went wrong.
        words = ["weights", "--fetch", options["backbone"], "--store", str(site_store().root)]
        done = subprocess.run(
            [sys.executable, "-m", "ml", *words],
            cwd=settings.BASE_DIR,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(done.returncode)
        self.stdout.write(done.stdout, ending="")
