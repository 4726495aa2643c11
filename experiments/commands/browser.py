"""Build a page that shows the f0 of files and the microphone in a browser, as in `melisma browser --serve 8000`."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser

from experiments.mistakes import parse, stop

_PORTS = 65535


def main(arguments: list[str]) -> None:
    """Write a folder of plain files that any web server can offer, and offer it if that is wanted."""
    parser = ArgumentParser(prog="melisma browser", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--out", type=Path, default=Path("site"), help="folder of the page; an earlier page of this command is replaced"
    )
    parser.add_argument(
        "--model",
        type=str,
        default="tracker",
        help="name of a released model, a folder that `melisma release` wrote, RUN, or RUN/checkpoints/NAME.ckpt; one "
        "that reads audio",
    )
    parser.add_argument(
        "--serve",
        type=int | None,
        default=None,
        help="port on which the page is offered to this computer until Ctrl-C; 0: a free one",
    )
    options = parse(parser, arguments)
    if options.serve is not None and not 0 <= options.serve <= _PORTS:
        stop(f"--serve {options.serve}: a port from 0 to {_PORTS}")

    from experiments.browser.server import page_server
    from experiments.browser.site import build_site

    size = build_site(options.model, options.out)
    print(f"{options.out}: {size / 1e6:.1f} MB; any web server offers it, by https:// for the microphone")
    if options.serve is None:
        return
    with page_server(options.out, options.serve) as server:
        print(f"http://localhost:{server.server_port}/ until Ctrl-C", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
