"""Which project is told in how much detail, so that a comment stays within its forge's limit."""

import heapq
from collections.abc import Callable, Sequence

from server.comments.section import Detail

Measure = Callable[[Detail], int]
SEPARATOR = 2  # the blank line between blocks


def fits(sizes: Sequence[Measure], *, room: int) -> bool:
    """Say whether everything can be told."""
    return sum(measure(Detail.FULL) + SEPARATOR for measure in sizes) <= room


def choose_details(sizes: Sequence[Measure], *, room: int) -> list[Detail]:
    """Take detail from the biggest project, again and again, until all of them fit.

    Small projects keep theirs that way.
    """
    chosen = [Detail.FULL] * len(sizes)
    biggest_first = [(-measure(Detail.FULL), number) for number, measure in enumerate(sizes)]
    heapq.heapify(biggest_first)
    total = sum(SEPARATOR - size for size, _ in biggest_first)
    while total > room and biggest_first:
        size, number = heapq.heappop(biggest_first)
        if chosen[number] is Detail.ROW:
            total -= SEPARATOR  # an empty section is not there at all
            continue
        chosen[number] = Detail(chosen[number] - 1)
        smaller = sizes[number](chosen[number])
        total += smaller + size
        heapq.heappush(biggest_first, (-smaller, number))
    return chosen


def how_many_fit(lines: Sequence[str], *, room: int) -> int:
    """Count the first lines that fit, each with its line break."""
    for count, line in enumerate(lines):
        room -= len(line) + 1
        if room < 0:
            return count
    return len(lines)
