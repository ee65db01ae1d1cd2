"""What in a widget cannot be read whole, has no name, or is not reached by Tab."""

from __future__ import annotations

import re
from collections.abc import Iterator

from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QFontMetrics
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QApplication,
    QCheckBox,
    QComboBox,
    QGraphicsView,
    QGroupBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QProgressBar,
    QScrollArea,
    QScrollBar,
    QSlider,
    QStyle,
    QStyleOptionComboBox,
    QTableView,
    QTextEdit,
    QWidget,
)

INSIDE_A_LINE = 4
"""Pixels of a line edit that its text leaves free."""
CONTROLS = (
    *(QAbstractButton, QComboBox, QAbstractSpinBox, QLineEdit, QSlider),
    *(QAbstractItemView, QTextEdit, QProgressBar),
)


def parts(root: QWidget, kind: type = QWidget) -> list[QWidget]:
    """Widgets of a kind that are shown in another one, wherever it is scrolled to."""
    found = root.findChildren(kind)
    return [
        one for one in found if one.isVisibleTo(root) and one.window() is root.window()
    ]


def cut_texts(root: QWidget) -> list[str]:
    """Texts that their widgets have no room for, each with both sizes."""
    return [said for widget in parts(root) for said in _cut(widget)]


def _cut(widget: QWidget) -> Iterator[str]:
    name = f"{type(widget).__name__} {_words(widget)!r}"
    wanted, given = widget.sizeHint(), widget.size()
    fonts = widget.fontMetrics()
    match widget:
        case QLabel() if widget.text() and widget.wordWrap():
            lines = widget.heightForWidth(given.width())
            if lines > given.height():
                yield f"{name}: {lines} high in {given.height()}"
            longest = max(
                map(fonts.horizontalAdvance, widget.text().split()), default=0
            )
            if longest > given.width():
                yield f"{name}: a word of {longest} in {given.width()}"
        case QComboBox():
            yield from _too_wide(
                name, fonts.horizontalAdvance(widget.currentText()), _field(widget)
            )
            if wanted.height() > given.height():
                yield f"{name}: {wanted.height()} high in {given.height()}"
        case QAbstractSpinBox():
            line = widget.findChild(QLineEdit)
            text = fonts.horizontalAdvance(line.text()) + INSIDE_A_LINE
            yield from _too_wide(name, text, line.width())
            if fonts.height() > line.height():
                yield f"{name}: {fonts.height()} high in {line.height()}"
        case QLineEdit() if not isinstance(widget.parent(), QAbstractSpinBox):
            text = widget.text() or widget.placeholderText()
            yield from _too_wide(
                name, fonts.horizontalAdvance(text) + INSIDE_A_LINE, given.width()
            )
            if fonts.height() > given.height():
                yield f"{name}: {fonts.height()} high in {given.height()}"
        case QLabel() | QAbstractButton():
            if _words(widget) and (
                wanted.width() > given.width() or wanted.height() > given.height()
            ):
                yield f"{name}: {wanted} in {given}"
        case QGroupBox():
            yield from _too_wide(
                name, fonts.horizontalAdvance(widget.title()), given.width()
            )
        case QTableView():
            yield from _cut_cells(widget)


def _cut_cells(table: QTableView) -> Iterator[str]:
    """Heads that do not fit, and cells that do not and say so nowhere else."""
    heads, model = table.horizontalHeader(), table.model()
    fonts = table.fontMetrics()
    name = type(table).__name__
    for section in range(model.columnCount()):
        if heads.isSectionHidden(section):
            continue
        title = model.headerData(
            section, Qt.Orientation.Horizontal, Qt.ItemDataRole.DisplayRole
        )
        room = heads.sectionSize(section)
        wanted = heads.fontMetrics().horizontalAdvance(str(title or "")) + INSIDE_A_LINE
        if heads.isSortIndicatorShown():
            wanted = head_with_arrow(heads, section)
        yield from _too_wide(f"{name}, head {title!r}", wanted, room)
        for row in range(min(model.rowCount(), 50)):
            index = model.index(row, section)
            text = str(index.data(Qt.ItemDataRole.DisplayRole) or "")
            if text in str(index.data(Qt.ItemDataRole.ToolTipRole) or ""):
                continue
            wanted = fonts.horizontalAdvance(text) + INSIDE_A_LINE
            yield from _too_wide(f"{name}, cell {text!r}", wanted, room)
    for row in range(min(model.rowCount(), 1)):
        if table.rowHeight(row) < fonts.height():
            yield f"{name}: lines of {fonts.height()} in rows of {table.rowHeight(row)}"


def head_with_arrow(heads: QHeaderView, section: int) -> int:
    """Width of a head and the arrow of sorting, which Qt has for one in bold."""
    plain, bold = heads.font(), heads.font()
    bold.setBold(True)
    title = str(heads.model().headerData(section, heads.orientation()) or "")
    more = [QFontMetrics(font).size(0, title).width() for font in (bold, plain)]
    assert not heads.highlightSections(), "some would be bold"
    return heads.sectionSizeHint(section) - more[0] + more[1]


def _too_wide(name: str, wanted: int, room: int) -> Iterator[str]:
    if wanted > room:
        yield f"{name}: {wanted} wide in {room}"


def _field(combo: QComboBox) -> int:
    """Width that a combo box has for its text."""
    option = QStyleOptionComboBox()
    option.initFrom(combo)
    control = QStyle.ComplexControl.CC_ComboBox
    part = QStyle.SubControl.SC_ComboBoxEditField
    return combo.style().subControlRect(control, option, part, combo).width()


def _words(widget: QWidget) -> str:
    for says in ("text", "currentText", "title"):
        words = getattr(widget, says, None)
        if callable(words):
            return words()
    return widget.objectName()


def sideways(root: QWidget, but: tuple[type, ...] = ()) -> list[str]:
    """What has to be scrolled sideways to be seen, apart from some kinds."""
    found = []
    for area in parts(root, QAbstractScrollArea):
        over = area.horizontalScrollBar().maximum()
        inner = getattr(area, "widget", lambda: None)()
        if inner is not None:
            over = max(over, inner.width() - area.viewport().width())
            over = max(over, inner.minimumSizeHint().width() - inner.width())
        elif isinstance(area, QTableView):
            over = max(over, area.horizontalHeader().length() - area.viewport().width())
        if over > 0 and not isinstance(area, (*but, QHeaderView)):
            found.append(f"{type(area).__name__} by {over}")
    return found


def controls(root: QWidget) -> list[QWidget]:
    """What a user can press, type into, choose from or scroll."""
    return [
        widget
        for widget in parts(root)
        if (
            isinstance(widget, CONTROLS)
            or widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        )
        and not isinstance(widget, (QScrollBar, QHeaderView))
        and widget.focusProxy() is None
        and not isinstance(widget.parent(), (QAbstractSpinBox, QComboBox, QHeaderView))
    ]


def name_of(widget: QWidget) -> str:
    """Name of a control for those who do not see it, as Qt would find it."""
    name = widget.accessibleName()
    if not name and isinstance(widget, (QAbstractButton, QLabel)):
        name = widget.text()
    if not name:
        labels = widget.window().findChildren(QLabel)
        name = next((one.text() for one in labels if one.buddy() is widget), "")
    return name


def unnamed(root: QWidget) -> list[str]:
    """Controls whose names have no word in them."""
    return [_shown(one) for one in controls(root) if not re.search(r"\w", name_of(one))]


def unreached(root: QWidget) -> list[str]:
    """Controls that are enabled and that Tab does not come to."""
    reached = set(stops(root))
    passive = (QProgressBar,)
    return [
        _shown(one)
        for one in controls(root)
        if one.isEnabledTo(root) and one not in reached and not isinstance(one, passive)
    ]


def stops(root: QWidget) -> list[QWidget]:
    """Where Tab stops in a widget, in its order."""
    found, widget = [], root.nextInFocusChain()
    while widget is not None and widget is not root:
        if (
            root.isAncestorOf(widget)
            and widget.isVisibleTo(root)
            and widget.isEnabledTo(root)
            and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
            and widget.focusProxy() is None
        ):
            found.append(widget)
        widget = widget.nextInFocusChain()
    return found


def jumps(root: QWidget) -> list[str]:
    """Where Tab goes back up, to a control that lies above the one before.

    What scrolls may lie below what comes after it.
    """
    found, before = [], None
    for widget in stops(root):
        top, area = widget.mapTo(root, QPoint(0, 0)).y(), _scrolled_in(widget)
        if before and before[0] is area and top + widget.height() <= before[1]:
            found.append(f"{before[2]} -> {_shown(widget)}")
        before = area, top, _shown(widget)
    return found


def _scrolled_in(widget: QWidget) -> QWidget | None:
    """The nearest frame that a widget scrolls in."""
    part = widget.parentWidget()
    while part is not None and not isinstance(part, QScrollArea):
        part = part.parentWidget()
    return part


def _shown(widget: QWidget) -> str:
    return f"{type(widget).__name__} {widget.objectName()} {_words(widget)!r}"


def small_texts(root: QWidget, size: int) -> list[str]:
    """Texts that are smaller than the type that was asked for, in points."""
    return [
        f"{_shown(one)}: {one.font().pointSize()}"
        for one in parts(root)
        if isinstance(one, (*CONTROLS, QLabel, QGroupBox, QGraphicsView))
        and not isinstance(one, QSlider)
        and one.font().pointSize() < size
    ]


def settle() -> None:
    """Have all that waits for the event loop done, layouts too."""
    for _ in range(3):
        QApplication.processEvents()


def luminance(rgb: tuple[int, ...]) -> float:
    """Relative luminance as in WCAG 2.1."""
    parts = [part / 255 for part in rgb[:3]]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
        for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """Contrast of two colours as in WCAG 2.1, 1 to 21."""
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


def faint_texts(root: QWidget, least: float = 4.5) -> list[str]:
    """Texts that stand out too little from what they stand on."""
    found = []
    for label in parts(root, QLabel) + parts(root, QCheckBox):
        if not label.text() or not label.isEnabledTo(root):
            continue
        colours = label.palette()
        ink = colours.color(label.foregroundRole()).getRgb()
        ground = root.palette().color(root.backgroundRole()).getRgb()
        if contrast(ink, ground) < least:
            found.append(f"{_shown(label)}: {contrast(ink, ground):.1f}")
    return found
