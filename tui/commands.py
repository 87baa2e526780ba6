"""The command palette: whatever a key of the screen does, found by any of its words."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.dom import DOMNode
from textual.screen import Screen

from datrnet.tui.keymap import is_ours, words_of

BY_WORDS = 2.0
"""Score of a command that has every word; fuzzy matches have at most 1."""


@dataclass(frozen=True, slots=True)
class PaletteCommand:
    """A command, and where it stands."""

    title: str
    help: str
    run: Callable[[], Any]

    def has(self, words: list[str]) -> bool:
        """Tell whether every word begins one of the title or of the help."""
        known = f"{self.title} {self.help}".casefold().replace("/", " ").split()
        return all(any(text.startswith(word) for text in known) for word in words)


def commands_of(screen: Screen[Any]) -> Iterator[PaletteCommand]:
    """Yield what the keys of a screen do: of the focused pane, the screen, then other panes.

    What the foot shows comes first: nobody opens the palette to move a cursor.
    """
    app, seen = screen.app, {"app.command_palette", "command_palette"}
    for active in sorted(screen.active_bindings.values(), key=lambda it: not it.binding.show):
        binding = active.binding
        if is_ours(binding) and active.enabled and binding.action not in seen:
            seen.add(binding.action)
            where = getattr(active.node, "HELP_TITLE", "")
            yield PaletteCommand(
                words_of(binding),
                f"Key {app.get_key_display(binding)} · {where}",
                partial(app.run_action, binding.action, active.node),
            )
    for pane in screen.focus_chain:
        for node in pane.ancestors_with_self:
            if isinstance(node, Screen):
                break
            yield from _inactive(node, pane, seen)


def _inactive(node: DOMNode, pane: Any, seen: set[str]) -> Iterator[PaletteCommand]:
    """Yield what the keys of a pane without the focus do; they focus it first."""

    async def run(action: str) -> None:
        pane.focus()
        await pane.app.run_action(action, node)

    for _, binding in node._bindings:
        if is_ours(binding) and binding.action not in seen:
            seen.add(binding.action)
            where = getattr(node, "HELP_TITLE", "")
            yield PaletteCommand(words_of(binding), str(where), partial(run, binding.action))


class ExplorerCommands(Provider):
    """Offers the keys' commands, and those without a key (``get_system_commands``)."""

    def _commands(self) -> Iterator[PaletteCommand]:
        yield from commands_of(self.screen)
        for name, text, run, _ in self.app.get_system_commands(self.screen):
            yield PaletteCommand(name, text, run)

    async def discover(self) -> Hits:
        """Yield every command."""
        for command in self._commands():
            yield DiscoveryHit(command.title, command.run, help=command.help)

    async def search(self, query: str) -> Hits:
        """Yield the commands with all words of a text first, then what is spelled alike."""
        matcher, words = self.matcher(query), query.casefold().split()
        for command in self._commands():
            score = BY_WORDS if command.has(words) else matcher.match(command.title)
            if score > 0:
                title = matcher.highlight(command.title)
                yield Hit(score, title, command.run, help=command.help)
