"""The page, built once a session, offered on this computer and opened in Chromium; sounds of known f0."""

import io
import os
import shutil
import threading

import numpy as np
import pytest
import soundfile
from filelock import FileLock

from datamodules.errors import DataError
from experiments.browser.server import page_server
from experiments.browser.site import build_site
from tests.chromium import opened

RATE = 44100


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the page with the released tracker; read-only."""
    if shutil.which("npm") is None:
        pytest.skip("no program named npm on this machine")
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    session = tmp_path_factory.getbasetemp() if alone else tmp_path_factory.getbasetemp().parent
    folder = session / "browser" / "site"
    try:
        with FileLock(session / "browser.lock"):  # the processes of a session share it
            if not folder.exists():
                build_site("tracker", folder)
    except DataError as error:
        if "npm could not fetch" in str(error):
            pytest.skip(str(error))
        raise
    return folder


@pytest.fixture(scope="session")
def address(site):
    """Where it is offered."""
    server = page_server(site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(address):
    """The page, ready for a sound; nothing may be complained of, nothing asked for elsewhere."""
    with opened(address, reach=[address]) as found:
        wait(found.page, "idle")
        yield found.page
        assert found.complaints == [] and found.requests == []


def wait(page, state):
    """Until the page is `idle`, `recording` or `ready`, with its notes."""
    page.wait_for_selector(f"body[data-state={state}]", timeout=120_000)
    if state == "ready":
        page.wait_for_selector("#facts:text-matches('note|no pitch')")


def hear(page, samples, name="sound.wav", rate=RATE):
    """Give the page a WAV file, and wait for its contour."""
    page.set_input_files("#file", {"name": name, "mimeType": "audio/wav", "buffer": wav(samples, rate)})
    wait(page, "ready")


def wav(samples, rate=RATE):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def voice(f0, loudness=0.3, rate=RATE):
    """Eight harmonics of f0 `(samples,)`, Hz; silent where it is 0."""
    phase = 2 * np.pi * np.cumsum(f0) / rate
    tone = sum(np.sin(k * phase) / k for k in range(1, 9))
    envelope = np.convolve(f0 > 0, np.hanning(441) / np.hanning(441).sum(), "same")
    return loudness * envelope * tone / 2


def saved(page, button, path):
    """What a button saves, at a path; the name that was proposed."""
    with page.expect_download() as waiting:
        page.click(button)
    waiting.value.save_as(path)
    return waiting.value.suggested_filename


def cents(found, truth):
    return 1200 * np.abs(np.log2(np.asarray(found) / truth))
