"""Numbers of protocol buffers, compiled by numba: called by `siting.sources.protobuf`."""

import numpy as np
from numba import njit

from siting.compiled import CALLED


@njit(**CALLED)
def read_numbers(data, numbers, ends):
    """
    Decode numbers that follow one another, and where each ends; return how many.

    -1 where the last one is not whole, or one has more than ten bytes.
    """
    n = 0
    value = np.uint64(0)
    shift = np.uint64(0)
    for i in range(data.size):
        value |= np.uint64(data[i] & 127) << shift
        if data[i] < 128:  # noqa: PLR2004 - the last byte of a number
            numbers[n] = value
            ends[n] = i
            n += 1
            value = np.uint64(0)
            shift = np.uint64(0)
        else:
            shift += np.uint64(7)
            if shift > np.uint64(63):
                return -1
    return n if shift == np.uint64(0) else -1


@njit(**CALLED)
def message_spans(data, at, end, spans):
    """
    Find where the messages from `at` to `end` start and stop; return how many.

    All are of one field, whose key is the first byte; -1 where that is not so, or one is cut.
    """
    n = 0
    key = data[at]
    while at < end:
        if data[at] != key:
            return -1
        at += 1
        size = np.int64(0)
        shift = 0
        while True:
            if at >= end or shift > 56:  # noqa: PLR2004 - no message of a block is that long
                return -1
            byte = np.int64(data[at])
            at += 1
            size |= (byte & 127) << shift
            if byte < 128:  # noqa: PLR2004 - the last byte of a number
                break
            shift += 7
        if size > end - at:
            return -1
        spans[n, 0] = at
        at += size
        spans[n, 1] = at
        n += 1
    return n
