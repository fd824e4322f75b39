"""Exact lettering over pictures, shaped by HarfBuzz and drawn by FreeType. Knows no queue, no ledger and no HTTP."""
