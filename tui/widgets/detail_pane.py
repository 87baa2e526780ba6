"""The pane about an item: its picture, labels and facts, and how it compares with the query."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from datrnet.core.retrieval.request import Substitute
from datrnet.core.text import fold, sanitize
from datrnet.db.rows import split_values
from datrnet.tui.match_words import costs, match_of, percent
from datrnet.tui.widgets.picture_view import PictureView
from datrnet.tui.widgets.text import MUTED, fitted

if TYPE_CHECKING:
    from datrnet.core.retrieval.prototypes import Prediction

Part = tuple[str, str]
"""Text and its style."""

MARKS: Mapping[bool | None, Part] = {
    True: ("✓", "$text-success"),
    False: ("✗", "$text-error"),
    None: ("·", MUTED),
}
AS_PREDICTED: Part = ("~", "$text-success")
"""Where the query has no label: the result has the value predicted for the query."""
UNLABELED = "no label"
NAME_WIDTH = 14
MOST_IN_FLOW = 40
"""Characters of a fact in running text."""
GAP = "  "
"""Between two labels of the running text."""

EIGHTHS = " ▏▎▍▌▋▊▉"
WIDEST_BAR = 10
PERCENT_WIDTH = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What the pane shows of an item."""

    code: str
    title: str
    labels: Mapping[str, str | None]
    """All values as text, by super-category."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Facts of the item and its variants in words, by name."""
    num_variants: int = 0
    num_pictures: int = 1
    predictions: Mapping[str, "Prediction"] = field(default_factory=dict)
    """The values that the model predicts, by super-category."""
    substitute: Substitute | None = None
    """Of a result: how it compares with the query."""
    wanted: Mapping[str, str | None] | None = None
    """Of a result: the wanted value of every super-category."""
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Of a result: the predicted values of the query where its label is unknown."""


def _is_as_predicted(
    labels: Mapping[str, str | None], predicted: Mapping[str, str], name: str
) -> bool:
    value = predicted.get(name)
    return value is not None and _carries(labels.get(name), value)


def _carries(label: str | None, value: str) -> bool:
    """Tell whether a value is among those of a label."""
    return fold(value) in map(fold, split_values(label, [value]))


def table(subject: Subject, width: int) -> Content:
    """Return labels, facts, what costs how much, and predictions, one per line."""
    parts: list[Part] = []
    for name, value in subject.labels.items():
        parts += _line(subject, name, value, width)
    if subject.facts:
        parts += [("\n", ""), *_facts(subject, width)]
    if subject.substitute is not None:
        parts += [("\n", ""), *_why(subject, subject.substitute, width)]
    if subject.predictions:
        parts += [("\n", ""), *_predictions(subject, width)]
    return Content.assemble(*parts)


def flow(subject: Subject, width: int) -> Content:
    """Return labels and facts as running text for a low, wide pane; lines break between them.

    Of a result whose match is known, each label has its part of it, the worst first.
    """
    lines = [Content()]
    matches = subject.substitute.matches if subject.substitute is not None else {}
    facts = [
        Content.assemble((f"{sanitize(name)} ", MUTED), sanitize(words)[:MOST_IN_FLOW])
        for name, words in subject.facts.items()
    ]
    labels = [
        Content.assemble(
            *_mark(subject, name),
            (f"{sanitize(name)} ", MUTED),
            sanitize(value or UNLABELED),
            (_instead_of(subject, name), MUTED),
            (f" {percent(matches[name])}" if name in matches else "", MUTED),
        )
        for name, value in sorted(subject.labels.items(), key=lambda it: matches.get(it[0], 1.0))
    ]
    for entry in (*labels, *facts):
        if not lines[-1]:
            lines[-1] = entry
        elif lines[-1].cell_length + len(GAP) + entry.cell_length <= width:
            lines[-1] = Content.assemble(lines[-1], GAP, entry)
        else:
            lines.append(entry)
    return Content("\n").join(lines)


def heading(subject: Subject) -> Content:
    """Return title, code, for a result rank and distance, and how much more there is to see."""
    facts = sanitize(subject.code)
    if subject.substitute is not None:
        rank, distance = subject.substitute.rank, subject.substitute.distance
        match = match_of(subject.substitute)
        facts += f" · no. {rank}" + ("" if match is None else f" · {percent(match)}")
        facts += f" · distance {distance:.3f}"
    if subject.num_variants > 1:
        facts += f" · {subject.num_variants} variants"
    if subject.num_pictures > 1:
        facts += f" · {subject.num_pictures} pictures"
    return Content.assemble((sanitize(subject.title), "bold"), "\n", (facts, MUTED))


def _line(subject: Subject, name: str, value: str | None, width: int) -> Iterator[Part]:
    yield from _mark(subject, name)
    yield f"{fitted(name, NAME_WIDTH - 1)} ", MUTED
    room = width - NAME_WIDTH - (0 if subject.substitute is None else 2)
    text, note = sanitize(value or UNLABELED), _instead_of(subject, name)
    if cell_len(text) + cell_len(note) > room:
        note = fitted(note, max(0, room - cell_len(text))).rstrip()
    yield fitted(text, min(cell_len(text), room)), "" if value else MUTED
    yield f"{note}\n", MUTED


def _facts(subject: Subject, width: int) -> Iterator[Part]:
    """Yield a line per fact."""
    yield "Facts\n", f"bold {MUTED}"
    for name, words in subject.facts.items():
        yield f"{fitted(name, NAME_WIDTH - 1)} ", MUTED
        yield f"{fitted(words, width - NAME_WIDTH).rstrip()}\n", ""


def _mark(subject: Subject, name: str) -> Iterator[Part]:
    if subject.substitute is not None:
        is_alike = _is_as_predicted(subject.labels, subject.unknown, name)
        mark, style = AS_PREDICTED if is_alike else MARKS[subject.substitute.agreement.get(name)]
        yield f"{mark} ", style


def _instead_of(subject: Subject, name: str) -> str:
    """Return the wanted value if the item has another."""
    if subject.substitute is None or subject.wanted is None:
        return ""
    wanted = subject.wanted.get(name)
    if wanted is None or subject.substitute.agreement.get(name):
        return ""
    return (
        f", not {sanitize(wanted)}" if subject.labels.get(name) else f", wanted {sanitize(wanted)}"
    )


def _why(subject: Subject, substitute: Substitute, width: int) -> Iterator[Part]:
    """Yield a bar per super-category, what costs most first: its match, else its share of the cost.

    A match that is good has a long bar; so has a large share. A match is with the wanted value,
    which the item may have in spite of its label.
    """
    has_match = bool(substitute.matches)
    values = (subject.wanted or {}) if has_match else subject.labels
    yield f"Why · {'match' if has_match else 'share of the distance'}\n", f"bold {MUTED}"
    words_width = max(NAME_WIDTH, width - WIDEST_BAR - PERCENT_WIDTH - 1)
    room = max(1, min(WIDEST_BAR, width - words_width - PERCENT_WIDTH - 1))
    for name, cost in costs(substitute).items():
        share, value = 1 - cost if has_match else cost, values.get(name)
        words = f"{sanitize(name)}: {sanitize(value)}" if value else sanitize(name)
        yield f"{fitted(words, words_width)} ", MUTED
        yield fitted(_bar(share, room), room), "$primary"
        yield f"{percent(share):>{PERCENT_WIDTH}}\n", ""


def _predictions(subject: Subject, width: int) -> Iterator[Part]:
    """Yield a line per super-category: the predicted value with its probability, or margin."""
    yield "What the model sees · confidence\n", f"bold {MUTED}"
    room = max(4, width - NAME_WIDTH - 8)
    for name, prediction in subject.predictions.items():
        label, value = subject.labels.get(name), prediction.value
        yield MARKS[None if label is None else _carries(label, value)]
        yield f" {fitted(name, NAME_WIDTH - 1)} ", MUTED
        yield fitted(value, room), ""
        probability = prediction.probability
        confidence = f"{prediction.margin:5.2f}" if probability is None else f"{probability:5.0%}"
        yield f"{confidence}\n", MUTED


def _bar(share: float, room: int) -> str:
    whole, eighths = divmod(round(share * room * 8), 8)
    return "█" * whole + EIGHTHS[eighths].strip()


PICTURE = "detail-picture"
"""The id of the picture."""

LOW = 12
"""Below this height, running text replaces the table, and the picture is beside it."""

BESIDE_WIDTH = 19
"""Columns of a picture beside the text, with a gap; as in the style sheet."""

LOWEST_WITH_PICTURE = 7
"""Below this height there is no picture."""


class DetailPane(Vertical):
    """An item's picture and labels."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._subject: Subject | None = None

    def compose(self) -> ComposeResult:
        """The picture above the text."""
        yield PictureView(id=PICTURE)
        yield Static(id="detail-caption", markup=False)
        yield Static(id="detail-heading", markup=False)
        with VerticalScroll(id="detail-facts", can_focus=False):
            yield Static(id="detail-table", markup=False)

    @property
    def picture(self) -> PictureView:
        """The picture."""
        return self.query_one(PictureView)

    def caption(self, text: str) -> None:
        """Say what the picture shows; empty for the item itself."""
        self.set_class(bool(text), "-captioned")
        self.query_one("#detail-caption", Static).update(sanitize(text))

    def show(self, subject: Subject | None) -> None:
        """Show an item, or nothing."""
        self._subject = subject
        if subject is None:
            self.caption("")
        self._write()

    def on_resize(self) -> None:
        """Fit the text to the width."""
        self._write()

    def _write(self) -> None:
        subject = self._subject
        is_low = self.size.height < LOW
        has_picture = is_low and self.size.height >= LOWEST_WITH_PICTURE
        self.set_class(is_low, "-low")
        self.set_class(has_picture, "-beside")
        words = self.query_one("#detail-table", Static)
        self.query_one("#detail-heading", Static).update(heading(subject) if subject else "")
        if subject is None:
            words.update("")
        else:
            write = flow if is_low else table
            beside = BESIDE_WIDTH if has_picture else 0
            words.update(write(subject, self.size.width - 2 - beside))
