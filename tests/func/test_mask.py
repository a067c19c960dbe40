"""Masks of attention as functions of four indices, which libraries map over all of them."""

import flambeau as torch
from flambeau._dynamo._trace_wrapped_higher_order_op import TransformGetItemToIndex


def test_a_mask_of_indices():
    documents = torch.tensor([[0, 0, 1, 1], [0, 1, 1, 1]])
    padding = torch.tensor([[True] * 4, [True, True, False, False]])

    def mask(batch, head, query, key):
        same = documents[batch, query] == documents[batch, key]
        return (query >= key) & same & padding[batch, key]

    for place in (3, 2, 1, 0):
        mask = torch.vmap(mask, in_dims=tuple(0 if i == place else None for i in range(4)))
    with TransformGetItemToIndex():
        found = mask(torch.arange(2), torch.arange(1), torch.arange(4), torch.arange(4))
    first = [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]]
    second = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0]]
    assert found.long().tolist() == [[first], [second]]
