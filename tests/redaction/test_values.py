"""Keys that become equal when they are redacted are numbered."""

from eventtracking.redaction.values import unused_key

MARK = "[redacted]"


class CountingDict(dict):
    """A dict that counts how often it is asked for a key."""

    times = 0

    def __contains__(self, key):
        self.times += 1
        return super().__contains__(key)


def test_a_thousand_equal_keys_are_numbered_in_linear_time():
    """Each continues from the last number, instead of searching for a free one from two."""
    taken, clashes = CountingDict(), {}
    for number in range(1000):
        taken[unused_key(MARK, taken, clashes)] = number

    assert [*taken] == [MARK, *(f"{MARK}#{n}" for n in range(2, 1001))]
    assert taken.times <= 2 * len(taken)
