"""onnxruntime-web, fetched by npm when a page is built: one module and one WebAssembly file of it."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
import tarfile
from importlib import metadata
from pathlib import Path

from datamodules.errors import DataError

PACKAGE = "onnxruntime-web"
VERSION = "1.30.0"
# Of the package's archive: another one is refused, whoever offers it.
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
FILES = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
PATIENCE = 600.0  # s; the archive has 33 MB
_COMPLAINT = re.compile(r"^npm (error|ERR!) (?!code |errno |syscall )(?P<what>.+)$", re.MULTILINE)
_LICENCES = ("LICENSE", "ThirdPartyNotices.txt")


def fetch_runtime(folder: Path) -> None:
    """Put the files of onnxruntime-web that a page needs into a folder.

    Args:
        folder: that receives them; nothing else is left there.

    Raises:
        DataError: npm is missing or fails, or gives something else than was pinned.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise DataError(f"npm: there is no such program, and it fetches {PACKAGE} {VERSION}; install Node.js")
    packed = folder / "npm"
    packed.mkdir()
    try:
        archive = _archive(npm, packed)
        try:
            with tarfile.open(archive) as tar:
                for name in FILES:
                    member = tar.extractfile(f"package/dist/{name}")
                    assert member is not None
                    with member, (folder / name).open("wb") as file:
                        shutil.copyfileobj(member, file)
        except (KeyError, tarfile.TarError, AssertionError) as error:
            raise DataError(f"{PACKAGE} {VERSION}: its archive lacks what the page needs: {error}") from error
    finally:
        shutil.rmtree(packed)


def _archive(npm: str, folder: Path) -> Path:
    command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--ignore-scripts", "--pack-destination", "."]
    failed = f"npm could not fetch {PACKAGE} {VERSION}"
    try:
        found = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired as error:
        raise DataError(f"{failed} in {PATIENCE:g} s; try again") from error
    except OSError as error:
        raise DataError(f"{failed}: {npm} cannot be run: {error.strerror}") from error
    archives = list(folder.glob("*.tgz"))
    if found.returncode or len(archives) != 1:
        said = _COMPLAINT.search(found.stderr)
        raise DataError(f"{failed}: {said['what'] if said else f'exit code {found.returncode}'}")
    digest = base64.b64encode(hashlib.sha512(archives[0].read_bytes()).digest()).decode()
    if digest != SHA512:
        raise DataError(f"{failed}: the archive that it gave is not the one that was pinned; nothing is written")
    return archives[0]


def runtime_licence() -> str:
    """Licence of onnxruntime, and of what it is built of, as the package for Python carries them; npm's has none.

    Raises:
        DataError: onnxruntime is not installed, or carries none.
    """
    try:
        files = {Path(str(file)).name: file for file in metadata.files("onnxruntime") or ()}
        parts = [files[name].read_text(encoding="utf-8") for name in _LICENCES]
    except (metadata.PackageNotFoundError, KeyError, OSError) as error:
        raise DataError("onnxruntime, whose licence the page carries: pip install 'melisma[export]'") from error
    return f"{PACKAGE} {VERSION}\n\n" + "\n\n".join(part.replace("\r\n", "\n").strip() for part in parts) + "\n"
