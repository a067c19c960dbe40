"""What carries arrays between the processes of a group.

A transport takes contiguous NumPy arrays, and is used by one thread at a time. What it does:

    rank, size
    xp, takes_devices                        NumPy, or CuPy where arrays of devices are taken
    ends(number, what, timeout)              wait for all; the least and the greatest of their numbers
    broadcast(array, root)
    reduce(array, op, root | None)           in place; None: everybody gets it
    all_gather(parts, array)                 parts has a first dimension of `size`
    gather(parts | None, array, root)
    scatter(array, parts | None, root)
    reduce_scatter(array, parts, op)
    all_to_all(received, sent, counts of both)
    send(array, to, tag), receive(array, source | None, tag) -> source: something to be asked whether it is done
    split(ranks)                             a transport of some of them; None in the others
"""
