"""What the README promises runs: the demo with the weights that ship, and the library example."""

import re
from pathlib import Path

import pytest

from datrnet.core.data.workspace import Workspace
from datrnet.core.demo.prepare import prepare_demo

README = Path(__file__).resolve().parent.parent / "README.md"


def test_the_library_example_finds_black_substitutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    prepare_demo(Workspace(tmp_path / "workspace"), num_items=200)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, str(README), "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2", "3", "4", "5"]
    assert "'colour': True" in lines[0]


def test_every_link_leads_somewhere() -> None:
    pages = [README, *README.parent.glob("docs/**/*.md")]
    for page in pages:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"
