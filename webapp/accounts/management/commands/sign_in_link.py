from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings

from webapp.accounts.models import User
from webapp.accounts.services import first_admin, sign_in_link_create
from webapp.core.commands import SortyardCommand
from webapp.core.up.preflight import running_address


class Command(SortyardCommand):
    help = "Prints a link that signs one person in once, within an hour. Without a name: the first admin."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", nargs="?", help="user name")
        parser.add_argument("--minutes", type=float, default=60, help="how long the link may wait")

    def handle(self, *args: Any, **options: Any) -> None:
        user = first_admin() if options["user"] is None else self.user(options["user"])
        token = sign_in_link_create(user=user, minutes=options["minutes"])
        address = running_address(settings.DATA_DIR) or "http://localhost:8000"
        self.stdout.write(f"{address}/sign-in/link/{token}/")

    def user(self, name: str) -> User:
        found = User.objects.filter(username=name, is_active=True).first()
        if found is None:
            self.refuse(f"There is no active person “{name}”.")
        return found
