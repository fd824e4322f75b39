"""The reading curve: how small a text a vision-language model still reads, next to OCR on the same pages."""
