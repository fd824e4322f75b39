"""Exact text out of pictures, by a dedicated OCR engine. Knows no queue, no ledger and no HTTP."""
