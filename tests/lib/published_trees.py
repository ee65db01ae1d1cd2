"""Small trees in exactly the layouts in which data sets are published."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import tifffile
from PIL import Image

SHAPE = (20, 24)


def write(path: Path, pixels: np.ndarray) -> None:
    """Write a picture of the format that its name tells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        tifffile.imwrite(path, pixels)
    else:
        Image.fromarray(pixels).save(path, **jpeg(path))


def jpeg(path: Path) -> dict[str, int]:
    return {"quality": 95} if path.suffix in (".jpg", ".jpeg") else {}


def picture(name: str, shape: tuple[int, int] = SHAPE, colour: bool = True):
    """Noise that differs from name to name."""
    rng = np.random.default_rng(crc32(name.encode()))
    return rng.integers(0, 256, (*shape, 3) if colour else shape, np.uint8)


def mask(shape: tuple[int, int] = SHAPE, at: int = 4, white: int = 255):
    """A square of 8 pixels on black."""
    pixels = np.zeros(shape, np.uint8)
    pixels[at : at + 8, at : at + 8] = white
    return pixels


def rgb(pixels: np.ndarray) -> np.ndarray:
    return np.repeat(pixels[..., None], 3, axis=2)


def dsb18(root: Path) -> None:
    for name in ("a1", "b2", "c3", "d4", "e5", "f6", "g7", "h8", "i9", "j0"):
        case = root / "stage1_train" / name
        alpha = np.full((*SHAPE, 1), 255, np.uint8)
        write(case / "images" / f"{name}.png", np.dstack([picture(name), alpha]))
        write(case / "masks" / "m1.png", mask(at=1))
        write(case / "masks" / "m2.png", mask(at=11))


def cvc(root: Path, ending: str = ".tif") -> None:
    for n in range(1, 76):
        write(root / "Original" / f"{n}{ending}", picture(f"cvc{n}"))
        write(root / "Ground Truth" / f"{n}{ending}", mask())


def kvasir(root: Path) -> None:
    for n in range(10):
        name = f"cju{n}.jpg"
        write(root / "images" / name, picture(name))
        write(root / "masks" / name, rgb(mask()))
    (root / "kavsir_bboxes.json").write_text("{}")


def isic2017(root: Path) -> None:
    parts = {"Training": range(4), "Validation": (10, 11), "Test_v2": (20, 21)}
    for part, numbers in parts.items():
        data = root / f"ISIC-2017_{part}_Data"
        truth = root / f"ISIC-2017_{part}_Part1_GroundTruth"
        for n in numbers:
            name = f"ISIC_{n:07d}"
            write(data / f"{name}.jpg", picture(name))
            write(data / f"{name}_superpixels.png", picture(f"{name}s"))
            write(truth / f"{name}_segmentation.png", mask())
        (data / "ATTRIBUTION.txt").write_text("by")
        (data / "LICENSE.txt").write_text("CC0")
        other = root / f"ISIC-2017_{part}_Part2_GroundTruth"
        other.mkdir()
        (other / "ISIC_0000000_features.json").write_text("{}")


def isic2018(root: Path) -> None:
    parts = {"Training": range(4), "Validation": (10, 11), "Test": (20, 21)}
    for part, numbers in parts.items():
        data = root / f"ISIC2018_Task1-2_{part}_Input"
        truth = root / f"ISIC2018_Task1_{part}_GroundTruth"
        for n in numbers:
            name = f"ISIC_{n:07d}"
            write(data / f"{name}.jpg", picture(name))
            write(truth / f"{name}_segmentation.png", mask())
        for folder in (data, truth):
            (folder / "ATTRIBUTION.txt").write_text("by")
            (folder / "LICENSE.txt").write_text("CC0")
    other = root / "ISIC2018_Task2_Training_GroundTruth_v3"
    write(other / "ISIC_0000000_attribute_globules.png", mask(at=0))


def ph2(root: Path) -> None:
    for n in range(2, 12):
        name = f"IMD{n:03d}"
        case = root / "PH2 Dataset images" / name
        write(case / f"{name}_Dermoscopic_Image" / f"{name}.bmp", picture(name))
        folder = case / f"{name}_lesion"
        folder.mkdir()
        Image.fromarray(mask() > 0).save(folder / f"{name}_lesion.bmp")
        roi = case / f"{name}_roi" / f"{name}_R1_Label2.bmp"
        write(roi, mask(at=0))
    (root / "PH2_dataset.xlsx").write_bytes(b"")


def glas(root: Path) -> None:
    root.mkdir(parents=True)
    lines = ["name,patient ID, grade (GlaS), grade (Sirinukunwattana et al. 2015)"]
    names = [f"train_{n}" for n in range(1, 11)] + ["testA_1", "testA_2", "testB_1"]
    for n, name in enumerate(names):
        write(root / f"{name}.bmp", picture(name))
        labels = mask(at=1, white=1) + mask(at=11, white=2)
        write(root / f"{name}_anno.bmp", labels)
        grade = "benign" if n % 2 else "malignant"
        lines.append(f"{name},{n // 2}, {grade}, adenomatous")
    (root / "Grade.csv").write_text("\n".join(lines))


def busi(root: Path) -> None:
    for kind in ("benign", "malignant", "normal"):
        for n in range(1, 5):
            name = f"{kind} ({n})"
            image = rgb(picture(name, colour=False))
            write(root / kind / f"{name}.png", image)
            white = 0 if kind == "normal" else 255
            write(root / kind / f"{name}_mask.png", mask(at=1, white=white))
    write(root / "benign" / "benign (2)_mask_1.png", rgb(mask(at=11)))
    Image.fromarray(mask(at=1) > 0).save(root / "benign" / "benign (3)_mask.png")


def tn3k(root: Path) -> None:
    for n in (1, 2, 9, 10, 11, 100):
        write(root / "trainval-image" / f"{n}.jpg", picture(f"tn{n}", colour=False))
        write(root / "trainval-mask" / f"{n}.jpg", mask())
    for n in (1, 2):
        write(root / "test-image" / f"{n}.jpg", picture(f"test{n}", colour=False))
        write(root / "test-mask" / f"{n}.jpg", mask())
    for k in range(3):
        val = [k, 5 - k]
        fold = {"train": [i for i in range(6) if i not in val], "val": val}
        (root / f"tn3k-trainval-fold{k}.json").write_text(json.dumps(fold))


def tg3k(root: Path) -> None:
    for n in range(40):
        name, shape = f"{n:04d}.jpg", (20, 24 + n // 8)
        write(root / "thyroid-image" / name, picture(f"tg{n}", shape, False))
        write(root / "thyroid-mask" / name, mask(shape))
    split = {"train": [*range(32)], "val": [*range(32, 40)]}
    (root / "tg3k-trainval.json").write_text(json.dumps(split))


def ddti(root: Path) -> None:
    for n in range(1, 11):
        for k in (1, 2):
            name = f"{n}_{k}.PNG"
            write(root / "image" / name, picture(f"ddti{name}", colour=False))
            write(root / "mask" / name, mask())


def square(at: int) -> list[dict[str, int]]:
    corners = ((0, 0), (7, 0), (7, 7), (0, 7))
    return [{"x": at + x, "y": at + y} for x, y in corners]


def case_xml(marks: dict[int, list[str]]) -> str:
    """The XML of a case: texts of <svg> by image."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<case><age>49</age>"]
    for image, texts in marks.items():
        for text in texts:
            lines.append(f"<mark><image>{image}</image><svg>{text}</svg></mark>")
    return "\n".join([*lines, "</case>"])


def ddti_raw(root: Path) -> None:
    for n in range(1, 11):
        for k in (1, 2):
            write(root / f"{n}_{k}.jpg", picture(f"raw{n}_{k}", colour=False))
        texts = [
            json.dumps([{"points": square(at), "regionType": "freehand"}])
            for at in (1, 11)
        ]
        (root / f"{n}.xml").write_text(case_xml({1: texts, 2: texts[:1]}))


BUILDERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "dsb18": ("dsb18", dsb18),
    "cvc": ("cvc-clinicdb", cvc),
    "cvc mirror": ("cvc-clinicdb", lambda root: cvc(root / "PNG", ".png")),
    "kvasir": ("kvasir-seg", kvasir),
    "isic2017": ("isic2017", isic2017),
    "isic2018": ("isic2018", isic2018),
    "ph2": ("ph2", ph2),
    "glas": ("glas", glas),
    "busi": ("busi", busi),
    "tn3k": ("tn3k", tn3k),
    "tg3k": ("tg3k", tg3k),
    "ddti": ("ddti", ddti),
    "ddti raw": ("ddti", ddti_raw),
}


@pytest.fixture
def tree(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a sound tree and gives its folder."""

    def make(which: str) -> Path:
        BUILDERS[which][1](tmp_path / which)
        return tmp_path / which

    return make


@pytest.fixture(params=BUILDERS)
def any_tree(request: pytest.FixtureRequest, tree) -> tuple[str, Path]:
    """Name of a reader and a sound tree of its layout."""
    return BUILDERS[request.param][0], tree(request.param)


@pytest.fixture
def draw():
    """Functions that draw and write, as attributes."""
    return Draw


class Draw:
    """What the tests of single layouts change a tree with."""

    write, picture, mask = (
        staticmethod(write),
        staticmethod(picture),
        staticmethod(mask),
    )
    rgb, square = staticmethod(rgb), staticmethod(square)
    case_xml = staticmethod(case_xml)
    shape = SHAPE
