"""All sources in one process: python -m tests.support.providers --port-file F --folder PHOTOS

Deterministic: the same options give the same answers. Killed and started again with the same --port-file it serves on
the same port. It ends by SIGTERM or Ctrl-C.
"""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from tests.support.providers.catalogue import Catalogue
from tests.support.providers.images import TROUBLES
from tests.support.providers.site import ProviderSite


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.support.providers", description=__doc__)
    parser.add_argument(
        "--port-file", type=Path, required=True, help="where to write the port once it serves"
    )
    parser.add_argument("--port", type=int, help="else the one in --port-file, else a free one")
    parser.add_argument("--folder", type=Path, help="photos in FOLDER/CLASS/NAME.jpg")
    parser.add_argument("--per-class", type=int, help="so many of each class of the folder")
    parser.add_argument(
        "--drawn", type=int, default=0, help="without a folder: so many drawn photos, found by “cup”"
    )
    parser.add_argument(
        "--word", action="append", default=[], metavar="CLASS=WORD", help="another word for a class"
    )
    parser.add_argument("--everything", action="store_true", help="each search finds all photos")
    parser.add_argument(
        "--rate", type=float, default=0.0, help="least seconds between two questions of a source"
    )
    parser.add_argument(
        "--day-quota", type=int, help="questions that Openverse answers; else as many as are asked"
    )
    parser.add_argument("--maxlag-every", type=int, default=0, help="every so-manieth question Commons lags")
    parser.add_argument("--retry-after", type=int, default=1, help="seconds that Commons asks to wait then")
    parser.add_argument("--refuse-after", type=int, help="answers after which Baidu refuses")
    parser.add_argument("--trouble-every", type=int, default=0, help="every so-manieth photo is in trouble")
    parser.add_argument("--troubles", default=",".join(TROUBLES), help="kinds, in turn, separated by commas")
    parser.add_argument("--pace", type=float, default=0.2, help="seconds between 64 bytes of a slow photo")
    return parser.parse_args(argv)


def catalogue(options: argparse.Namespace) -> Catalogue:
    also: dict[str, list[str]] = {}
    for pair in options.word:
        name, _, word = pair.partition("=")
        also.setdefault(name, []).append(word)
    if options.folder:
        made = Catalogue.of_folder(options.folder, per_class=options.per_class, also=also)
    else:
        made = Catalogue.drawn(options.drawn, words=("cup", *also.get("cup", ())))
    if options.trouble_every:
        made = made.troubled(options.trouble_every, options.troubles.split(","))
    return Catalogue(made.pictures, everything=options.everything)


def main(argv: list[str] | None = None) -> None:
    options = arguments(argv)
    port_file: Path = options.port_file
    port = options.port or (int(port_file.read_text()) if port_file.exists() else 0)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    site = ProviderSite(
        catalogue(options),
        openverse={"rate": options.rate, "day_quota": options.day_quota},
        commons={
            "rate": options.rate,
            "maxlag_every": options.maxlag_every,
            "retry_after": options.retry_after,
            "lag": options.retry_after,
        },
        baidu={"rate": options.rate, "refuse_after": options.refuse_after},
        bing={"rate": options.rate},
        pace=options.pace,
        port=port,
    )
    with site:
        aside = port_file.with_suffix(".new")
        aside.write_text(str(site.port))
        aside.replace(port_file)
        stop.wait()


if __name__ == "__main__":
    main()
