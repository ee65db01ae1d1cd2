"""The contact sheet: worst first, whole, small, and safe from odd names."""

from __future__ import annotations

import io
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from napari_pmrnet.batch import contact_sheet
from napari_pmrnet.batch.summary import Row
from napari_pmrnet.batch.thumbnail import (
    DOUBTFUL_COLOUR,
    LARGEST,
    SIDE,
    SURE_COLOUR,
    thumbnail,
)
from napari_pmrnet.models.label_kind import LabelKind

ODD = '../in/<b>"odd" & 100%#?.png'


class Page(HTMLParser):
    """Links, pictures and tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links, self.pictures, self.tags = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append(tag)
        if tag == "a":
            self.links.append(unquote(values["href"]))
        if tag == "img":
            self.pictures.append(values["src"])


@pytest.fixture
def written(tmp_path):
    def write(*rows, pictures=()):
        for name in pictures:
            (tmp_path / name).write_bytes(b"jpeg")
        page = contact_sheet.as_html(
            rows,
            lambda file: tmp_path / file,
            {"Last command": "run <this>"},
            "summary.csv",
            Path("/data/my results"),
        )
        text = page.decode()
        return text, Page(text)

    return write


def test_what_was_found_is_called_what_it_is(written):
    kind = LabelKind.OBJECTS
    objects = [Row(name, nuclei=2, certainty=0.9, kind=kind) for name in "ab"]
    text, _ = written(*objects)
    assert "4 objects" in text and "doubtful object," in text
    assert "nucle" not in text and "probability that a label" not in text
    text, _ = written(objects[0], Row("c", nuclei=1, certainty=0.9))
    assert "3 objects" in text and "<b>1 nucleus</b>" in text
    text, _ = written(Row("c", nuclei=1, certainty=0.9))
    assert "1 nucleus" in text and "probability that a label is right" in text


def test_worst_first_with_errors_on_top(written):
    text, page = written(
        Row("sure.png", "sure_labels.tif", 9, 0.9, 0.1, 2.0),
        Row("none.png", "none_labels.tif", 0),
        Row("unsure.png", "unsure_labels.tif", 1, 0.3, 1.0),
        Row("bad.png", error="is <broken>"),
        pictures=["sure.png"],
    )
    order = [text.index(n) for n in ("bad.png", "none.png", "unsure.png", "sure.png")]
    # "sure.png" is part of "unsure.png", so its own place is asked for by its title.
    order[-1] = text.index('title="sure.png"')
    assert order == sorted(order)
    assert "3 files · 10 nuclei" in text and "1 not segmented" in text
    assert "is &lt;broken&gt;" in text and "run &lt;this&gt;" in text
    assert page.pictures == ["data:image/jpeg;base64,anBlZw=="]
    assert {"script", "link"}.isdisjoint(page.tags)


def test_odd_names_are_shown_and_linked(written):
    _, page = written(Row(ODD, "odd_labels.tif", 1, 0.5))
    assert page.links.count(ODD) == 2 and "odd_labels.tif" in page.links
    assert "b" in page.tags  # of figures, not of the name
    assert page.tags.count("article") == 1


def test_of_very_many_files_the_worst_are_shown(written, monkeypatch):
    monkeypatch.setattr(contact_sheet, "MOST", 3)
    rows = [Row(f"{i}.png", f"{i}_labels.tif", 1, i / 10) for i in range(5)]
    text, page = written(*rows)
    assert page.tags.count("article") == 3
    assert "2 files more" in text and "4.png" not in text


def opened(data: bytes) -> np.ndarray:
    assert len(data) <= LARGEST
    return np.asarray(Image.open(io.BytesIO(data))).astype(int)


def near(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
    """How many pixels have a colour, give or take what JPEG does to it."""
    return int((np.abs(picture - colour).max(axis=2) < 60).sum())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, bool])
def test_outlines_tell_sure_from_doubtful(dtype):
    labels = np.zeros((80, 160), int)
    labels[20:40, 20:40], labels[20:40, 100:120] = 1, 2
    pixels = (labels > 0).astype(dtype)
    picture = opened(thumbnail(pixels, labels, np.array([0.9, 0.2])))
    assert picture.shape == (SIDE // 2, SIDE, 3)
    left, right = picture[:, :128], picture[:, 128:]
    assert near(left, SURE_COLOUR) > 60 and not near(left, DOUBTFUL_COLOUR)
    assert near(right, DOUBTFUL_COLOUR) > 60 and not near(right, SURE_COLOUR)


@pytest.mark.parametrize("shape", [(3, 900), (1, 1), (700, 500, 3), (300, 300)])
def test_a_thumbnail_is_small_whatever_the_image(shape):
    noise = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    picture = opened(thumbnail(noise, np.ones(shape[:2], int), np.array([0.1])))
    assert max(picture.shape) <= SIDE


def test_a_blank_image_has_a_thumbnail():
    assert (
        opened(thumbnail(np.full((9, 9), 3.0), np.zeros((9, 9), int), np.zeros(0)))[
            0, 0
        ].max()
        < 20
    )


def test_every_image_says_how_to_open_it_in_napari(written) -> None:
    text, _ = written(
        Row(ODD, "a_labels.tif", 3, 0.8, 0.1), Row("b.png", "", error="x")
    )
    (line,) = (line for line in text.splitlines() if 'class="command"' in line)
    command = unescape(line.split('class="command"')[1].split(">", 1)[1].split("</")[0])
    assert command == contact_sheet.quoted(
        ["napari-pmrnet", "review", str(Path("/data/my results")), f"--image={ODD}"]
    )


def test_plates_have_maps_and_other_folders_have_none(written) -> None:
    plain, _ = written(Row("a.png", "a.tif", 3, 0.8), Row("b.png", "b.tif", 3, 0.8))
    assert "<svg" not in plain and "Plates" not in plain
    text, page = written(
        Row("p/plate_A01_s1_w1.tif", "a.tif", 3, 0.8),
        Row("p/plate_H12_s1_w1.tif", "b.tif", 5, 0.6),
    )
    assert page.tags.count("svg") == 2 and text.index("<svg") < text.index("<main")
