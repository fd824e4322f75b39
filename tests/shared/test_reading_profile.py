"""What a profile says of pictures of other sizes, and which one is found."""

import pytest

from shared.reading_profile import SHIPPED, ReadingProfile, SeenPicture, find_profile, profile_path

SHIPPED_ONE = ReadingProfile.read(SHIPPED)


def seeing(*seen, reads_from=10):
    pictures = tuple(SeenPicture(side_px=side, tokens=tokens) for side, tokens in seen)
    return SHIPPED_ONE.model_copy(update={"page_px": 512, "seen": pictures, "ocr_below_px": reads_from})


@pytest.mark.parametrize(
    ("size", "scale"),
    [((512, 512), 1), ((256, 256), 1), ((1024, 300), 1), ((2048, 2048), 0.5), ((4096, 100), 0.25)],
)
def test_a_model_that_looks_at_pixels_as_they_are_scales_down_only_what_is_too_large(size, scale):
    profile = seeing((256, 256), (512, 1024), (1024, 4096), (2048, 4096))
    assert profile.scale(*size) == pytest.approx(scale)


@pytest.mark.parametrize(("size", "scale"), [((512, 512), 1), ((128, 128), 4), ((1024, 768), 0.5), ((5120, 1), 0.1)])
def test_a_model_that_scales_all_pictures_to_one_size_sees_small_ones_enlarged(size, scale):
    assert seeing((64, 64), (512, 64), (4096, 64)).scale(*size) == pytest.approx(scale)


def test_sizes_between_the_measured_ones_lie_between_them():
    profile = seeing((512, 1000), (1024, 2000))
    assert profile.scale(512, 512) > profile.scale(768, 768) > profile.scale(1024, 1024)


@pytest.mark.parametrize(("size", "scale"), [((128, 128), 1), ((1024, 1024), 0.5)])
def test_where_the_server_tells_no_tokens_the_worst_is_assumed(size, scale):
    assert seeing((512, 0)).scale(*size) == pytest.approx(scale)


def test_what_is_read_is_what_is_high_enough():
    assert [seeing((512, 1), reads_from=10).resolves(height) for height in (9.9, 10, 40)] == [False, True, True]
    assert not seeing((512, 1), reads_from=None).resolves(1000)


def test_a_profile_of_this_machine_comes_before_the_shipped_one(tmp_path):
    assert find_profile(tmp_path, SHIPPED_ONE.model) == SHIPPED_ONE
    assert find_profile(tmp_path, "org/another:7b") is None
    seeing((512, 1)).model_copy(update={"model": "vlm"}).write(profile_path(tmp_path, "vlm"))
    assert find_profile(tmp_path, "vlm").ocr_below_px == 10
