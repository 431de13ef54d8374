from __future__ import annotations

import os
import signal
import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from webapp.accounts.services import first_admin, sign_in_link_create
from webapp.core.commands import SortyardCommand
from webapp.core.up import broker
from webapp.core.up.network import allowed_hosts, name_of
from webapp.core.up.preflight import CannotStart, lock_data_folder, require_free_port
from webapp.core.up.tree import ProcessTree, Service


class Command(SortyardCommand):
    help = "Starts everything (broker, web server, workers) as one process tree; Ctrl-C ends it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument(
            "--demo", action="store_true", help="make the drawn demo data set, train and publish it"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        address = f"http://{name_of(host)}:{port}"
        try:
            # In this order: who starts it twice should be sent to the one that runs, not to another port.
            lock = lock_data_folder(settings.DATA_DIR, address)
            require_free_port(host, port)
        except CannotStart as error:
            self.refuse(str(error))
        with lock:
            call_command("migrate", verbosity=0, interactive=False)
            call_command("collectstatic", verbosity=0, interactive=False)
            self.run(host, port, address, demo=options["demo"])

    def run(self, host: str, port: int, address: str, *, demo: bool) -> None:
        stop: list[int] = []
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda received, _frame: stop.append(received))
        environment = {**allowed_hosts(host), **os.environ, "SORTYARD_TREE": "1", "PYTHONUNBUFFERED": "1"}
        tree = ProcessTree(settings.BASE_DIR, settings.DATA_DIR / "log", environment, self.say)
        try:
            self.start_broker(tree)
            for service in services(host, port, demo=demo):
                tree.start(service)
            if self.wait_for_page(host, port, tree, stop):
                self.greet(address)
            while not stop:
                tree.tend()
                time.sleep(0.25)
            self.say("Stopping …")
        except broker.BrokerError as error:
            raise CommandError(str(error), returncode=1) from error
        finally:
            tree.stop()
            if not os.environ.get("REDIS_URL"):
                broker.withdraw(settings.DATA_DIR)
        self.say("Stopped.")

    def start_broker(self, tree: ProcessTree) -> None:
        if os.environ.get("REDIS_URL"):
            return
        command, port = broker.write_configuration(settings.DATA_DIR)
        tree.start(Service("broker", command))
        broker.wait_until_ready(settings.DATA_DIR, port)
        broker.announce(settings.DATA_DIR, port)

    def wait_for_page(self, host: str, port: int, tree: ProcessTree, stop: list[int]) -> bool:
        """True once the site answers; it is restarted meanwhile if it dies."""
        url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}/sign-in/"  # noqa: S104
        while not stop:
            try:
                with urllib.request.urlopen(
                    urllib.request.Request(url, headers={"Host": "localhost"}), timeout=5
                ):
                    return True
            except urllib.error.HTTPError:
                return True
            except OSError:
                tree.tend()
                time.sleep(0.1)
        return False

    def greet(self, address: str) -> None:
        token = sign_in_link_create(user=first_admin())
        self.say(f"\n  Sortyard is ready:  {address}/studio/")
        self.say(f"  Sign in once with:  {address}/sign-in/link/{token}/")
        self.say("  Stop with Ctrl-C. Photos, labels and models are in " + str(settings.DATA_DIR) + "\n")

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def services(host: str, port: int, *, demo: bool = False) -> list[Service]:
    """Everything but the broker; docker-compose.yml starts the same commands."""
    python = sys.executable
    tools = Path(python).parent
    celery = [
        str(tools / "celery"),
        "-A",
        "worker.app",
        "worker",
        "--pool",
        "solo",
        "--loglevel",
        "WARNING",
    ]
    quiet = ["--without-gossip", "--without-mingle"]
    chosen = [
        Service(
            "web",
            [
                str(tools / "granian"), "--interface", "wsgi", "--host", host, "--port", str(port),
                "--workers", "1", "--blocking-threads", "8", "--respawn-failed-workers", "--no-ws",
                "--log-level", "warning", "webapp.config.wsgi:application",
            ],
        ),
        Service("worker-prep", [*celery, *quiet, "-Q", "prep", "-n", "prep@%h"]),
        Service("worker-crawl", [*celery, *quiet, "-Q", "crawl", "-n", "crawl@%h"]),
        # A trainer may need a moment to finish its step.
        Service("worker-train", [*celery, *quiet, "-Q", "train", "-n", "train@%h"], grace=40.0),
        Service("worker-reap", [python, "-m", "worker", "reap"]),
        Service("worker-predict", [python, "-m", "worker", "predict"]),
    ]  # fmt: skip
    if demo:
        chosen.append(Service("demo", [python, "manage.py", "demo"], once=True))
    return chosen
