"""How large an untrusted picture or PDF may be, what decoding it may cost, and what is said where it is refused."""

MAX_BYTES = 20 * 1024 * 1024
MAX_PDF_BYTES = 32 * 1024 * 1024
PICTURE = {
    "max_pixels": 40_000_000,
    "max_side": 24_576,
    "min_side": 8,
    "max_aspect": 20,
    "memory_bytes": 1 << 30,
    "cpu_seconds": 10,
    "wall_seconds": 20,
}
PDF = {
    "max_pages": 16,
    "page_dpi": 150,  # 10-point print has capitals 15 pixels high: enough for OCR
    "page_side": 2048,
    "page_pixels": 4_000_000,
    "max_characters": 50_000,  # of a page's own text; a full newspaper page has fewer
    "min_side": 8,
    "max_aspect": 20,
    "memory_bytes": 1 << 30,
    "cpu_seconds": 30,
    "wall_seconds": 60,
}
MESSAGES = {
    "invalid_image": "The image could not be decoded. Send an undamaged PNG, JPEG, WebP or GIF.",
    "image_too_large": "The image has too many pixels: at most 40 megapixels and 24576 on a side. Scale it down.",
    "image_too_small": "The image is too small: each side must have at least 8 pixels.",
    "invalid_image_aspect": "The image is too long and thin: one side may be at most 20 times the other. Crop it.",
    "image_file_too_large": "The image file is larger than 20 MiB. Compress it or scale it down.",
    "empty_image_file": "The image is empty.",
    "unsupported_image_media_type": "The image is not in a supported format. Send a PNG, JPEG, WebP or GIF.",
    "invalid_image_format": "The image is not of the type that its data URL names. Correct the type.",
    "mask_without_alpha": "The mask has no transparency. Make it transparent (alpha 0) where the picture may change.",
    "empty_mask": "The mask is nowhere wholly transparent (alpha 0), which marks what shall change.",
    "invalid_base64_image": "The image's data URL is not valid base64.",
    "invalid_image_url": "Only data URLs (data:image/png;base64,…) are accepted; remote images are not fetched.",
}
FILE_MESSAGES = {
    "unsupported_file_type": "Only pictures (PNG, JPEG, WebP, GIF) and PDFs are accepted.",
    "invalid_pdf": "The PDF could not be read. Send an undamaged one with at least one page.",
    "invalid_pdf_page": "A page of the PDF is empty, or too long and thin to be shown.",
    "pdf_encrypted": "The PDF is protected by a password. Send it without one.",
    "pdf_too_many_pages": f"The PDF has more than {PDF['max_pages']} pages. Send only those that matter.",
    "pdf_file_too_large": "The PDF is larger than 32 MiB. Send only the pages that matter.",
}
