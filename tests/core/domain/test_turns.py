"""Lanes share what there is by segments, whatever the size of their texts; what one doesn't use, others get."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from core.domain.turns import Turns

BIGGEST = 4


def play(turns: Turns[str], sizes: dict[str, int], *, at_once: int, times: int) -> Counter[str]:
    """Share out `at_once` texts, `times` times over, to lanes that always have more; return the segments of each."""
    had: Counter[str] = Counter()
    for _ in range(times):
        lanes, left = turns.order(list(sizes)), at_once
        while lanes and left:
            share = turns.share(lanes, left)
            assert 1 <= share <= left
            lane = lanes.pop(0)
            turns.took(lane, [sizes[lane]] * share, is_dry=False)
            had[lane] += sizes[lane] * share
            left -= share
    return had


@given(st.lists(st.integers(1, BIGGEST), min_size=1, max_size=6), st.integers(1, 40), st.integers(3, 60))
def test_all_lanes_get_equally_many_segments(sizes: list[int], at_once: int, times: int) -> None:
    named = {f"lane {number}": size for number, size in enumerate(sizes)}
    turns = Turns[str]()
    play(turns, named, at_once=at_once, times=8)  # after which the sizes are known, and first mistakes made good
    play(turns, named, at_once=at_once, times=8 * BIGGEST)
    had = play(turns, named, at_once=at_once, times=times)
    counts = [had[name] for name in named]
    # Not even whole turns come out even: each lane may be ahead, or behind, by two of the largest texts.
    assert max(counts) - min(counts) <= 4 * BIGGEST


def test_of_two_lanes_each_has_every_other_turn() -> None:
    turns = Turns[str]()
    firsts = []
    for _ in range(4):
        lane = turns.order(["one", "other"])[0]
        firsts.append(lane)
        turns.took(lane, [1], is_dry=False)
    assert firsts == ["one", "other", "one", "other"]


def test_a_text_of_four_segments_waits_for_three_of_one() -> None:
    turns = Turns[str]()
    play(turns, {"short": 1, "long": 4}, at_once=5, times=20)
    had = play(turns, {"short": 1, "long": 4}, at_once=50, times=1)
    assert (had["short"] + had["long"] / 4, abs(had["short"] - had["long"]) <= 4) == (50, True)


def test_a_new_lane_begins_where_the_others_are() -> None:
    turns = Turns[str]()
    play(turns, {"old": 1}, at_once=100, times=5)
    had = play(turns, {"old": 1, "new": 1}, at_once=10, times=1)
    assert (had["old"], had["new"]) == (5, 5)


def test_what_a_lane_has_no_use_for_goes_to_the_others() -> None:
    turns = Turns[str]()
    lanes = turns.order(["dry", "one", "other"])
    assert turns.share(lanes, 9) == 3
    turns.took(lanes.pop(0), [], is_dry=True)
    assert turns.share(lanes, 9) == 5
    turns.took(lanes.pop(0), [1] * 5, is_dry=False)
    assert turns.share(lanes, 4) == 4


def test_a_lane_that_is_behind_gets_all_until_it_is_level() -> None:
    turns = Turns[str]()
    turns.order(["behind", "ahead"])
    turns.took("ahead", [1] * 7, is_dry=False)
    lanes = turns.order(["behind", "ahead"])
    assert lanes == ["behind", "ahead"]
    assert turns.share(lanes, 5) == 5
    assert turns.share(lanes, 9) == 8


def test_who_is_far_ahead_is_not_waited_for() -> None:
    turns = Turns[str]()
    turns.order(["behind", "next", "far ahead"])
    turns.took("next", [1] * 2, is_dry=False)
    turns.took("far ahead", [1] * 20, is_dry=False)
    assert turns.share(turns.order(["far ahead", "next", "behind"]), 4) == 3


def test_what_was_given_back_is_as_if_never_had() -> None:
    turns = Turns[str]()
    turns.order(["one", "other"])
    turns.took("one", [1] * 6, is_dry=False)
    turns.took("other", [1] * 6, is_dry=False)
    turns.gave_back("one", 6)
    turns.gave_back("gone", 6)
    assert turns.share(turns.order(["one", "other"]), 6) == 6


def test_a_new_lane_begins_where_the_one_is_that_had_least() -> None:
    turns = Turns[str]()
    turns.order(["ahead", "behind"])
    turns.took("ahead", [1] * 6, is_dry=False)
    assert turns.order(["ahead", "behind", "new"]) == ["behind", "new", "ahead"]


def test_what_one_had_that_is_over_means_nothing_to_a_new_one() -> None:
    turns = Turns[str]()
    turns.order(["over", "running"])
    turns.took("running", [1] * 6, is_dry=False)
    assert turns.share(turns.order(["new", "running"]), 4) == 2


def test_one_that_comes_back_makes_up_for_nothing() -> None:
    turns = Turns[str]()
    turns.order(["away", "there"])
    turns.took("there", [1] * 6, is_dry=False)
    turns.order(["there"])
    assert turns.share(turns.order(["away", "there"]), 4) == 2


def test_one_that_ran_dry_makes_up_for_nothing_whatever_it_gives_back() -> None:
    turns = Turns[str]()
    turns.order(["dry", "busy"])
    turns.took("dry", [1] * 3, is_dry=True)
    turns.took("busy", [1] * 9, is_dry=False)
    turns.gave_back("dry", 3)
    assert turns.share(turns.order(["dry", "busy"]), 4) == 2


def test_how_long_texts_are_is_learned_by_halves_and_kept_when_dry() -> None:
    turns = Turns[str]()
    turns.order(["long", "short"])
    turns.took("long", [4] * 3, is_dry=True)  # taken for 2.5 segments each from now on
    assert turns.share(turns.order(["long", "short"]), 20) == 6
