"""Which file to export to: a line to type, with what would come of it below."""

from pathlib import Path

from datrnet.tui.screens.dialogs import Prompt

ENDINGS = {".html": "a page with pictures", ".csv": "a table", ".json": "for programs"}


class FilePrompt(Prompt):
    """A prompt for a file's name, with the endings to choose from; gives a path as text."""

    def __init__(self, question: str, stem: str) -> None:
        """Propose a page in the folder one is in."""
        super().__init__(question, value=f"{stem}.html")

    def typed(self, text: str) -> None:
        """Say what would be written."""
        self.explain(self._foresight(text))

    def submit(self, text: str) -> None:
        """Take a name whose ending says what to write, in a folder that is there."""
        path = Path(text).expanduser()
        if path.suffix.lower() in ENDINGS and path.parent.is_dir() and not path.is_dir():
            self.dismiss(str(path))
        else:
            self.explain(self._foresight(text))

    def _foresight(self, text: str) -> str:
        path = Path(text).expanduser()
        kind = ENDINGS.get(path.suffix.lower())
        if kind is None:
            return f"End it with {', '.join(f'{end} ({what})' for end, what in ENDINGS.items())}."
        if not path.parent.is_dir():
            return f"There is no folder {path.parent}."
        if path.exists():
            return f"{path.absolute()} is there already: enter replaces it."
        return f"{path.absolute()}: {kind}."
