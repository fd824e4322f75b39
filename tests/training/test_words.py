"""What a painter of this world is said to know."""

from random import Random

from services.diffusion.words import KnownWords
from training.world import caption, sample_scene
from training.world.words import known_words


def test_every_word_of_every_caption_is_known():
    known = KnownWords(frozenset(known_words()))
    rng = Random(0)
    for held_out in (False, True):
        for _ in range(1000):
            text = caption(sample_scene(rng, held_out=held_out), rng)
            assert known.unknown_in(text) == (), text


def test_what_is_outside_the_world_is_named():
    known = KnownWords(frozenset(known_words()))
    assert known.unknown_in("Please draw me an orange cat in a cardboard box") == ()
    assert known.unknown_in("two puppies and three spaceships") == ()
    assert known.unknown_in("a watercolour of five zeppelins over a red moat") == (
        "watercolour",
        "five",
        "zeppelins",
        "moat",
    )
