"""Words about an item: what it is, what of it matches, where its distance comes from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rich.cells import cell_len
from textual.content import Content

from datrnet.core.retrieval.prototypes import Prediction
from datrnet.core.retrieval.request import Substitute
from datrnet.core.text import inert
from datrnet.tui.fitting import fitted
from datrnet.tui.text_styles import MUTED

Part = tuple[str, str]
"""Text and the style it has."""

MARKS: Mapping[bool | None, Part] = {
    True: ("✓", "$text-success"),
    False: ("✗", "$text-error"),
    None: ("·", MUTED),
}
LIKE_THE_GUESS: Part = ("~", "$text-success")
"""Where nobody knows the query's label: an answer is labelled as the networks take the query."""
UNLABELED = "no label"
NAME_WIDTH = 14
EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An item to tell about."""

    code: str
    title: str
    labels: Mapping[str, str | None]
    nearest: Mapping[str, Prediction] = field(default_factory=dict)
    """What the networks take it for, by super-category."""
    substitute: Substitute | None = None
    """Where the item is a result: how it compares."""
    wanted: Mapping[str, str | None] | None = None
    """Where it is a result: the value asked for in every super-category."""
    guesses: Mapping[str, str] = field(default_factory=dict)
    """Where it is a result: what the networks take the query for, where it has no label."""


def matches(substitute: Substitute, guesses: Mapping[str, str]) -> str:
    """Return the note under a result: its distance, how many values are as wanted and not.

    Args:
        substitute: The result.
        guesses: What the networks take the query for, where it has no label and nothing else is
            wanted; ``~`` counts the values that are so.
    """
    agreement = list(substitute.agreement.values())
    good, bad = agreement.count(True), agreement.count(False)
    alike = sum(_is_like_guess(substitute.labels, guesses, name) for name in guesses)
    counts = {"✓": good, "✗": bad, "~": alike}
    told = [f"{sign}{count}" for sign, count in counts.items() if count] or ["✓0"]
    return " ".join([f"{substitute.distance:.2f}", *told])


def _is_like_guess(labels: Mapping[str, str | None], guesses: Mapping[str, str], name: str) -> bool:
    label, guess = labels.get(name), guesses.get(name)
    return label is not None and guess is not None and label.casefold() == guess.casefold()


def table(subject: Subject, width: int) -> Content:
    """Return all that is known, one line each."""
    parts: list[Part] = []
    for name, value in subject.labels.items():
        parts += _line(subject, name, value, width)
    if subject.substitute is not None:
        parts += [("\n", ""), *_shares(subject.substitute, width)]
    if subject.nearest:
        parts += [("\n", ""), *_nearest(subject, width)]
    return Content.assemble(*parts)


def flow(subject: Subject) -> Content:
    """Return the same in running text, for a low and wide space."""
    parts: list[Part] = []
    for name, value in subject.labels.items():
        parts += [*_mark(subject, name), (f"{inert(name)} ", MUTED)]
        parts += [(inert(value or UNLABELED), ""), (_instead_of(subject, name), MUTED)]
        parts.append(("   ", ""))
    return Content.assemble(*parts)


def heading(subject: Subject) -> Content:
    """Return title, code and, for a result, rank and distance."""
    facts = inert(subject.code)
    if subject.substitute is not None:
        rank, distance = subject.substitute.rank, subject.substitute.distance
        facts += f"  ·  no. {rank}  ·  distance {distance:.3f}"
    return Content.assemble((inert(subject.title), "bold"), "\n", (facts, MUTED))


def _line(subject: Subject, name: str, value: str | None, width: int) -> Iterator[Part]:
    yield from _mark(subject, name)
    yield f"{fitted(name, NAME_WIDTH - 1)} ", MUTED
    room = width - NAME_WIDTH - (0 if subject.substitute is None else 2)
    text, note = inert(value or UNLABELED), _instead_of(subject, name)
    if cell_len(text) + cell_len(note) > room:
        note = fitted(note, max(0, room - cell_len(text))).rstrip()
    yield fitted(text, min(cell_len(text), room)), "" if value else MUTED
    yield f"{note}\n", MUTED


def _mark(subject: Subject, name: str) -> Iterator[Part]:
    if subject.substitute is not None:
        is_alike = _is_like_guess(subject.labels, subject.guesses, name)
        mark, style = LIKE_THE_GUESS if is_alike else MARKS[subject.substitute.agreement.get(name)]
        yield f"{mark} ", style


def _instead_of(subject: Subject, name: str) -> str:
    """Return what was asked for where the item carries something else."""
    if subject.substitute is None or subject.wanted is None:
        return ""
    wanted = subject.wanted.get(name)
    if wanted is None or subject.substitute.agreement.get(name):
        return ""
    return f", not {inert(wanted)}" if subject.labels.get(name) else f", wanted {inert(wanted)}"


def _shares(substitute: Substitute, width: int) -> Iterator[Part]:
    """Yield a bar for each super-category: its share of the squared distance."""
    yield "Share of the distance\n", f"bold {MUTED}"
    total = sum(substitute.parts.values()) or 1.0
    room = max(4, width - NAME_WIDTH - 7)
    for name, part in substitute.parts.items():
        share = part / total
        yield f"  {fitted(name, NAME_WIDTH - 1)} ", MUTED
        yield fitted(_bar(share, room), room), "$primary"
        yield f"{share:5.0%}\n", ""


def _nearest(subject: Subject, width: int) -> Iterator[Part]:
    """Yield a line for each super-category: the nearest value, and how clearly it is that."""
    yield "Nearest value, and its margin\n", f"bold {MUTED}"
    room = max(4, width - NAME_WIDTH - 8)
    for name, one in subject.nearest.items():
        label = subject.labels.get(name)
        sign = MARKS[None if label is None else label.casefold() == one.value.casefold()]
        yield sign
        yield f" {fitted(name, NAME_WIDTH - 1)} ", MUTED
        yield fitted(one.value, room), ""
        yield f"{one.margin:5.2f}\n", MUTED


def _bar(share: float, room: int) -> str:
    whole, eighths = divmod(round(share * room * 8), 8)
    return "█" * whole + EIGHTHS[eighths].strip()
