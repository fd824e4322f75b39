"""Names under which clients ask for a painter."""

IMAGE_MODELS = frozenset(
    {
        "diptych",
        "gpt-image-1",
        "gpt-image-1-mini",
        "gpt-image-1.5",
        "gpt-image-2",
        "gpt-image-2-2026-04-21",
        "gpt-image-2.5-sunburst",
        "gpt-image-2.5-sunburst-2026-09-08",
        "gpt-image-2.5-flare",
        "gpt-image-2.5-flare-2026-09-08",
        "gpt-image-2.6-sunburst",
        "gpt-image-2.6-flare",
        "chatgpt-image-latest",
        "dall-e-2",
        "dall-e-3",
    }
)
"""The names that clients ask for; all of them are the one painter that runs here."""
