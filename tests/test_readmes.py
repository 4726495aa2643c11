"""Every folder says on one screen what lives in it, and what a README names is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("architectures", "datamodules", "lightning_modules", "callbacks", "experiments", "tests")
FILES = [str(path.relative_to(ROOT)) for name in PACKAGES for path in (ROOT / name).rglob("*.*")]
FOLDERS = sorted(
    {
        str(folder)
        for file in FILES
        for folder in Path(file).parents
        if file.endswith((".py", ".yaml", ".sbatch")) and file.split("/")[0] not in ("tests", file)
    }
    - {"."}
)
# One experiment a file, and nothing else: their folder's README speaks for them; and a released model has its card.
SPOKEN_FOR = re.compile(r"experiments/(melody|studies)/\w+|experiments/\w+/records|experiments/checkpoints/\w+")
READMES = [ROOT / "README.md", *(ROOT / file for file in FILES if file.endswith("/README.md"))]
SCREEN = 45  # lines
LONG = {"README.md", "experiments/README.md", "experiments/melody/README.md"}  # with a map, verdicts, a catalogue


@pytest.mark.parametrize("folder", [folder for folder in FOLDERS if not SPOKEN_FOR.fullmatch(folder)])
def test_a_folder_has_a_readme(folder):
    assert (ROOT / folder / "README.md").is_file(), f"write {folder}/README.md: what lives here, how to add one"


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_readme_fits_on_one_screen_and_its_links_lead_somewhere(path):
    text = path.read_text()
    assert str(path.relative_to(ROOT)) in LONG or len(text.splitlines()) <= SCREEN
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (path.parent / link).exists(), link
    for named in re.findall(
        r"(?<![\w/.-])((?:architectures|datamodules|lightning_modules|callbacks|experiments|tests)/[\w./]+\w)", text
    ):
        if not re.search(r"NAME|my_|[A-Z]{3,}|linear_spectrum", named) or (ROOT / named).exists():
            assert (ROOT / named).exists() or (ROOT / f"{named}.py").exists(), named
