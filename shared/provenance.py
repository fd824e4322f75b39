"""How a painted picture was made, inside its PNG: for us, for other programs, and as a mark that a machine made it.

Three text chunks: `diptych` (JSON, all values), `parameters` (the line that other image programs read), and an XMP
packet with IPTC's digital source type. Knows no models.
"""

import io
from collections.abc import Mapping

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydantic import BaseModel, ConfigDict, ValidationError

SOFTWARE = "Diptych 0.1.0"
CHUNK = "diptych"
PARAMETERS = "parameters"
XMP_CHUNK = "XML:com.adobe.xmp"
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
PAINTED = SOURCE_TYPES + "trainedAlgorithmicMedia"
"""IPTC's term for what a trained model made."""
EDITED = SOURCE_TYPES + "compositeWithTrainedAlgorithmicMedia"
"""IPTC's term for what a trained model made in part: it changed a picture, or words were set over what it made."""
XMP = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="{SOFTWARE}"
 Iptc4xmpExt:DigitalSourceType="{{source_type}}"/>
</rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""


class EditRecord(BaseModel):
    """What a picture was edited from, and how."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    source: str
    """Artifact id of the picture before."""
    strength: float
    mask: str | None
    """Artifact id of the mask, where there was one."""
    region: tuple[int, int, int, int]
    """Left, top, right, bottom of the part that was painted, its context included."""


class LetteringRecord(BaseModel):
    """The words that were set over a painted picture, and whether OCR read them back."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    source: str
    """Artifact id of the picture without them."""
    text: str
    box: tuple[int, int, int, int]
    """Left, top, right, bottom."""
    font: str
    size: int
    read_back: str | None
    """None: not checked."""
    exact: bool | None


class Provenance(BaseModel):
    """The values that a picture was painted with: enough to paint it again."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    prompt: str
    negative_prompt: str
    """Empty where guidance was off and it had no effect."""
    tokens_dropped: int = 0
    """Tokens at the prompt's end that the model could not take in."""
    seed: int
    fast: bool = False
    """Painted in the model's fast setting."""
    steps: int
    guidance_scale: float
    width: int
    height: int
    native_width: int
    """As it was painted; where it differs, the picture was resized."""
    native_height: int
    scheduler: str
    model: str
    loras: dict[str, float] = {}
    """LoRAs by name, with their weights."""
    edit: EditRecord | None = None
    """None: a new picture."""
    lettering: LetteringRecord | None = None
    software: str = SOFTWARE

    @property
    def parameters(self) -> str:
        """The one text block that most image programs write and read."""
        lines = [self.prompt]
        if self.negative_prompt:
            lines.append(f"Negative prompt: {self.negative_prompt}")
        loras = "".join(f"Lora {name}: {weight:g}, " for name, weight in self.loras.items())
        strength = f"Denoising strength: {self.edit.strength:g}, " if self.edit else ""
        lines.append(
            f"Steps: {self.steps}, Sampler: {self.scheduler}, CFG scale: {self.guidance_scale:g}, Seed: {self.seed}, "
            f"Size: {self.width}x{self.height}, Model: {self.model}, {loras}{strength}Version: {self.software}"
        )
        return "\n".join(lines)


def png_with_provenance(image: Image.Image, record: Provenance) -> bytes:
    """The picture as a PNG with its record inside; the same input gives the same bytes."""
    chunks = {
        CHUNK: record.model_dump_json(),
        PARAMETERS: record.parameters,
        XMP_CHUNK: XMP.format(source_type=EDITED if record.edit or record.lettering else PAINTED),
    }
    return png_with_chunks(image, chunks)


def png_with_lettering(image: Image.Image, source: bytes, lettering: LetteringRecord) -> bytes:
    """The same for words that were set over one of our own pictures; one that was not painted here has no record."""
    record = read_provenance(source)
    if record is None:
        return png_with_chunks(image, text_chunks(source))
    return png_with_provenance(image, record.model_copy(update={"lettering": lettering}))


def png_with_chunks(image: Image.Image, chunks: Mapping[str, str]) -> bytes:
    """The picture as a PNG with the record's texts of the one that it was made from."""
    info = PngInfo()
    for name, text in chunks.items():
        info.add_itxt(name, text)
    out = io.BytesIO()
    image.save(out, "PNG", pnginfo=info, compress_level=6)
    return out.getvalue()


def text_chunks(png: bytes) -> dict[str, str]:
    """The record's texts in a PNG of our own, by the names of their chunks; empty where it was not painted here."""
    with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
        return {name: text for name in (CHUNK, PARAMETERS, XMP_CHUNK) if (text := image.info.get(name)) is not None}


def read_provenance(png: bytes) -> Provenance | None:
    """The record inside a PNG of our own making; None where there is none."""
    image = Image.open(io.BytesIO(png), formats=("PNG",))
    image.load()
    text = image.info.get(CHUNK)
    if text is None:
        return None
    try:
        return Provenance.model_validate_json(text)
    except ValidationError:
        return None
