"""The record inside a painted PNG."""

import io
import tomllib
from xml.etree import ElementTree

from PIL import Image

from shared.provenance import PAINTED, SOFTWARE, Provenance, png_with_provenance, read_provenance
from shared.settings import ROOT

RECORD = Provenance(
    prompt='ein "Kätzchen" 猫\nauf rot',
    negative_prompt="blue",
    seed=4294967295,
    steps=20,
    guidance_scale=4.5,
    width=32,
    height=16,
    native_width=32,
    native_height=16,
    scheduler="DDIMScheduler",
    model="painter",
)
PICTURE = Image.new("RGB", (32, 16), "orange")


def test_what_goes_in_comes_out():
    assert read_provenance(png_with_provenance(PICTURE, RECORD)) == RECORD


def test_the_pixels_are_untouched_and_the_bytes_always_the_same():
    png = png_with_provenance(PICTURE, RECORD)
    assert Image.open(io.BytesIO(png)).tobytes() == PICTURE.tobytes()
    assert png == png_with_provenance(PICTURE, RECORD)


def test_other_programs_find_the_parameters_they_know():
    text = Image.open(io.BytesIO(png_with_provenance(PICTURE, RECORD))).info["parameters"]
    assert text == (
        f"{RECORD.prompt}\nNegative prompt: blue\nSteps: 20, Sampler: DDIMScheduler, CFG scale: 4.5, "
        f"Seed: 4294967295, Size: 32x16, Model: painter, Version: {SOFTWARE}"
    )
    plain = RECORD.model_copy(update={"negative_prompt": ""})
    assert "Negative prompt" not in plain.parameters


def test_the_picture_is_marked_as_made_by_a_trained_model():
    packet = Image.open(io.BytesIO(png_with_provenance(PICTURE, RECORD))).info["XML:com.adobe.xmp"]
    tree = ElementTree.fromstring(packet)  # noqa: S314 - our own
    description = next(tree.iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"))
    assert description.get("{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType") == PAINTED


def test_pictures_without_a_record_have_none():
    out = io.BytesIO()
    PICTURE.save(out, "PNG")
    assert read_provenance(out.getvalue()) is None


def test_the_software_version_is_the_projects():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"Diptych {project['version']}" == SOFTWARE
