"""Untrusted pictures: what is accepted comes out clean, everything else is refused with a code and a sentence."""

import base64
import io

import pypdfium2
import pytest
from PIL import Image

from shared import imaging
from shared.errors import InvalidFile, InvalidImage, RemoteImageRefused


def encoded(image: Image.Image, form: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


RED = Image.new("RGB", (64, 32), (200, 10, 10))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_each_supported_format_becomes_an_rgb_png_of_the_same_size(form):
    decoded = imaging.decode(encoded(RED, form), f"image/{form.lower()}")
    picture = imaging.open_own(decoded.png)
    assert (decoded.width, decoded.height) == picture.size == (64, 32)
    assert all(abs(a - b) < 12 for a, b in zip(picture.getpixel((5, 5)), (200, 10, 10), strict=True))


def test_metadata_is_dropped_and_orientation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    exif[0x010E] = "secret place"
    decoded = imaging.decode(encoded(RED, "JPEG", exif=exif))
    assert (decoded.width, decoded.height) == (32, 64)
    assert b"secret" not in decoded.png
    assert Image.open(io.BytesIO(decoded.png)).info == {}


def test_bytes_after_the_picture_do_not_survive():
    assert b"<script>" not in imaging.decode(encoded(RED, "PNG") + b"<script>").png


def test_transparency_is_laid_over_white():
    clear = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    assert imaging.open_own(imaging.decode(encoded(clear, "PNG")).png).getpixel((3, 3)) == (255, 255, 255)


def test_sixteen_bit_grey_is_scaled_and_not_clipped():
    deep = Image.new("I;16", (16, 16), 32768)
    assert imaging.open_own(imaging.decode(encoded(deep, "PNG")).png).getpixel((3, 3)) == (128, 128, 128)


def test_the_first_frame_of_an_animation_is_taken():
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    gif = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert imaging.open_own(imaging.decode(gif).png).getpixel((3, 3)) == (255, 0, 0)


@pytest.mark.parametrize(
    ("data", "declared", "code"),
    [
        (b"", None, "empty_image_file"),
        (b"hello", None, "unsupported_image_media_type"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", "unsupported_image_media_type"),
        (encoded(RED, "TIFF"), None, "unsupported_image_media_type"),
        (encoded(RED, "PNG")[:60], None, "invalid_image"),
        (encoded(RED, "PNG"), "image/jpeg", "invalid_image_format"),
        (encoded(Image.new("RGB", (4, 4)), "PNG"), None, "image_too_small"),
        (encoded(Image.new("L", (2000, 10)), "PNG"), None, "invalid_image_aspect"),
        (encoded(Image.new("1", (7000, 7000)), "PNG"), None, "image_too_large"),
        (encoded(Image.new("1", (25000, 1250)), "PNG"), None, "image_too_large"),
        (b"\x89PNG\r\n\x1a\n" + bytes(imaging.MAX_BYTES), None, "image_file_too_large"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_code(data, declared, code):
    with pytest.raises(InvalidImage) as refused:
        imaging.decode(data, declared)
    assert refused.value.code == code
    assert refused.value.message == imaging.MESSAGES[code]


def test_a_mask_marks_what_is_wholly_transparent():
    alpha = Image.new("L", (16, 16), 255)
    alpha.paste(0, (0, 0, 8, 16))
    alpha.paste(1, (8, 0, 9, 16))
    picture = Image.new("RGBA", (16, 16), (9, 9, 9, 255))
    picture.putalpha(alpha)
    for form, options in (("PNG", {}), ("WEBP", {"lossless": True})):
        mask = imaging.open_mask(imaging.decode_mask(encoded(picture, form, **options)).png)
        assert (mask.size, mask.mode) == ((16, 16), "L")
        assert [mask.getpixel((x, 3)) for x in (0, 7, 8, 9, 15)] == [255, 255, 0, 0, 0]


def test_a_palette_with_a_transparent_colour_can_be_a_mask():
    picture = Image.new("P", (16, 16), 0)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.paste(1, (0, 0, 4, 16))
    mask = imaging.open_mask(imaging.decode_mask(encoded(picture, "PNG", transparency=1)).png)
    assert [mask.getpixel((x, 3)) for x in (0, 3, 4)] == [255, 255, 0]


@pytest.mark.parametrize(
    ("picture", "code"),
    [
        (RED, "mask_without_alpha"),
        (Image.new("RGBA", (16, 16), (0, 0, 0, 255)), "empty_mask"),
        (Image.new("RGBA", (16, 16), (0, 0, 0, 1)), "empty_mask"),
    ],
)
def test_a_mask_that_marks_nothing_is_refused(picture, code):
    with pytest.raises(InvalidImage) as refused:
        imaging.decode_mask(encoded(picture, "PNG"))
    assert refused.value.code == code


def test_a_decompression_bomb_is_refused():
    bomb = bytearray(encoded(Image.new("L", (64, 64)), "PNG"))
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2  # the header now promises 3.6 gigapixels
    with pytest.raises(InvalidImage):
        imaging.decode(bytes(bomb))


def test_data_urls_give_their_type_and_bytes():
    url = "data:image/png;base64," + base64.b64encode(b"abc").decode()
    assert imaging.parse_data_url(url) == ("image/png", b"abc")


@pytest.mark.parametrize("url", ["https://example.com/a.png", "file:///etc/passwd", "http://127.0.0.1/", "", "data:,x"])
def test_other_urls_are_refused(url):
    with pytest.raises(RemoteImageRefused):
        imaging.parse_data_url(url)


def test_broken_base64_is_refused():
    with pytest.raises(InvalidImage) as refused:
        imaging.parse_data_url("data:image/png;base64,@@@")
    assert refused.value.code == "invalid_base64_image"


def pdf(*sizes):
    """Blank pages of those sizes in points."""
    document, out = pypdfium2.PdfDocument.new(), io.BytesIO()
    for size in sizes:
        document.new_page(*size)
    document.save(out)
    return out.getvalue()


def locked_pdf():
    """A PDF whose password is not the empty one."""
    lock = b"<</Filter/Standard/V 1/R 2/P -4/O<" + b"11" * 32 + b">/U<" + b"22" * 32 + b">>>"
    trailer = b"trailer<</Root 1 0 R/Size 4/ID[<33><33>]/Encrypt " + lock + b">>"
    return pdf((99, 99)).replace(b"trailer", b"%", 1).partition(b"xref")[0] + trailer


def test_each_page_of_a_pdf_is_rendered_at_150_dpi():
    pages = imaging.render_pdf(pdf((432, 576), (144, 72)))
    sizes = [(page.width, page.height) for page in pages]
    assert sizes in ([(900, 1200), (300, 150)], [(901, 1200), (300, 150)])  # it rounds up, in floating point
    assert imaging.open_own(pages[1].png).getpixel((9, 9)) == (255, 255, 255)


@pytest.mark.parametrize(("size", "side"), [((14400, 14400), 2000), ((7200, 720), 2048)])
def test_a_huge_page_is_rendered_smaller(size, side):
    (page,) = imaging.render_pdf(pdf(size))
    assert abs(max(page.width, page.height) - side) <= 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"%PDF-1.7 nothing", "invalid_pdf"),
        (pdf((99, 99))[:200], "invalid_pdf"),
        (pdf(), "invalid_pdf"),
        (pdf((14400, 100)), "invalid_pdf_page"),
        (pdf(*[(99, 99)] * 17), "pdf_too_many_pages"),
        (b"%PDF-" + bytes(imaging.MAX_PDF_BYTES), "pdf_file_too_large"),
        (locked_pdf(), "pdf_encrypted"),
    ],
)
def test_a_pdf_that_cannot_be_used_is_refused_with_its_code(data, code):
    with pytest.raises(InvalidFile) as refused:
        imaging.render_pdf(data)
    assert refused.value.code == code
    assert refused.value.message == imaging.FILE_MESSAGES[code]


def test_a_pdf_that_keeps_its_decoder_busy_is_stopped(monkeypatch):
    strokes = b"".join(b"%d 0 m %d 9 l S\n" % (n % 99, n * 7 % 99) for n in range(500_000))
    stream = b"4 0 obj<</Length %d>>stream\n%sendstream endobj\n" % (len(strokes), strokes)
    page = b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R>>endobj\n"
    tree = b"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    busy = b"%PDF-1.4\n" + tree + page + stream + b"trailer<</Root 1 0 R>>"
    assert len(imaging.render_pdf(busy)) == 1
    monkeypatch.setitem(imaging.PDF, "cpu_seconds", 1)
    with pytest.raises(InvalidFile) as refused:
        imaging.render_pdf(busy)
    assert refused.value.code == "invalid_pdf"
