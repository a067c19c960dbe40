"""Trees: structures, paths and JSON as PyTorch 2.13.0 gave them."""

import dataclasses
import enum
import pickle
from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest

import flambeau as torch
from flambeau.utils import _pytree as pytree

Point = namedtuple("Point", "x y")
TREE = {
    "b": [1, (2, None)],
    "a": Point(3, OrderedDict(z=4)),
    "d": deque([5], maxlen=3),
    "e": defaultdict(list, {"k": 6}),
}
PRINTED = """\
TreeSpec(dict, ['b', 'a', 'd', 'e'], [TreeSpec(list, None, [*,
    TreeSpec(tuple, None, [*,
      *])]),
  TreeSpec(namedtuple, <class 'test_pytree.Point'>, [*,
    TreeSpec(OrderedDict, ['z'], [*])]),
  TreeSpec(deque, 3, [*]),
  TreeSpec(defaultdict, [<class 'list'>, ['k']], [*])])"""
PATHS = [
    "['b'][0]",
    "['b'][1][0]",
    "['b'][1][1]",
    "['a'].x",
    "['a'].y['z']",
    "['d'][0]",
    "['e']['k']",
]
WRITTEN = (
    '[1, {"type": "builtins.dict", "context": "[\\"b\\"]", "children_spec": [{"type": "builtins.list", '
    '"context": "null", "children_spec": [{"type": null, "context": null, "children_spec": []}, {"type": '
    '"collections.deque", "context": "3", "children_spec": [{"type": null, "context": null, '
    '"children_spec": []}]}]}]}]'
)  # of torch.utils._pytree.treespec_dumps


@pytest.fixture
def registered():
    """Registers classes, and forgets them afterwards."""
    made = []

    def register(cls, how, *args, **kwargs):
        how(cls, *args, **kwargs)
        made.append(cls)
        return cls

    yield register
    for cls in made:
        pytree._deregister_pytree_node(cls)


def test_structure():
    leaves, spec = pytree.tree_flatten(TREE)
    assert leaves == [1, 2, None, 3, 4, 5, 6]
    assert repr(spec).replace(f"{__name__}.", "test_pytree.") == PRINTED
    assert (spec.num_nodes, spec.num_leaves, spec.num_children) == (14, 7, 4)
    again = spec.unflatten(leaves)
    assert again == TREE
    assert again["d"].maxlen == 3
    assert again["e"].default_factory is list
    assert spec == pytree.tree_structure(again) == pickle.loads(pickle.dumps(spec))
    assert hash(spec) == hash(pytree.tree_structure(again))
    assert list(pytree.tree_iter(TREE)) == pytree.arg_tree_leaves(TREE) == leaves


def test_paths():
    found = pytree.tree_leaves_with_path(TREE)
    assert [pytree.keystr(path) for path, _ in found] == PATHS
    assert all(pytree.key_get(TREE, path) is leaf for path, leaf in found)
    named = pytree.tree_map_with_path(
        lambda path, x, y: (pytree.keystr(path), x + y), [1, 2], [3, 4]
    )
    assert named == [("[0]", 4), ("[1]", 6)]


def test_json():
    spec = pytree.tree_structure({"b": [1, deque([5], maxlen=3)]})
    assert pytree.treespec_dumps(spec) == WRITTEN
    assert pytree.treespec_loads(WRITTEN) == spec
    assert pytree.treespec_loads(pytree.treespec_dumps(spec.child(0))) == spec.child(0)
    with pytest.raises(ValueError, match=r"Unknown protocol 2. Available protocols: \[1\]"):
        pytree.treespec_loads("[2, 3]")
    with pytest.raises(NotImplementedError, match="_register_namedtuple"):
        pytree.treespec_dumps(pytree.tree_structure(TREE))


class Colour(enum.Enum):
    RED = 1


def test_json_of_enumerations_and_factories():
    spec = pytree.tree_structure({Colour.RED: defaultdict(list, a=1)})
    assert pytree.treespec_loads(pytree.treespec_dumps(spec)) == spec


def test_results_are_nodes():
    found = torch.max(torch.tensor([[1.0, 2.0]]), 1)
    leaves, spec = pytree.tree_flatten(found)
    assert repr(spec) == "TreeSpec(max, None, [*,\n  *])"
    assert type(spec.unflatten(leaves)) is type(found)
    assert pytree.is_structseq(found)
    assert not pytree.is_namedtuple(found)
    assert pytree.tree_map(lambda n: n + 1, torch.Size([1, 2])) == torch.Size([2, 3])


def test_maps():
    add = pytree.tree_map(lambda x, y: x + y, {"a": 1, "b": 2}, {"b": 10, "a": 20})
    assert add == {"a": 21, "b": 12}
    assert pytree.tree_map_only(int, lambda x: x + 1, [1, "a", 2.0]) == [2, "a", 2.0]
    assert pytree.tree_map_only((int, float), lambda x: x + 1, [1, "a", 2.0]) == [2, "a", 3.0]
    assert pytree.tree_map_only(lambda x: x == 1, lambda x: x + 1, [1, "a", 2.0]) == [2, "a", 2.0]
    seen = []
    assert pytree.tree_map_(seen.append, TREE) is TREE
    assert seen == [1, 2, None, 3, 4, 5, 6]
    assert pytree.tree_all(lambda x: x > 0, [1, (2,)])
    assert pytree.tree_any_only(int, lambda x: x > 1, [1, "a", (2,)])
    assert not pytree.tree_all_only(int, lambda x: x > 1, [1, "a", (2,)])
    pairs = pytree.tree_flatten([(1, 2), (3, 4)], is_leaf=lambda x: isinstance(x, tuple))[0]
    assert pairs == [(1, 2), (3, 4)]


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: pytree.tree_map(min, [1, 2], [1]),
            ValueError,
            "arity mismatch; expected 2, but got 1",
        ),
        (
            lambda: pytree.tree_map(min, [1], (1,)),
            ValueError,
            "type mismatch; expected <class 'list'>",
        ),
        (
            lambda: pytree.tree_map(min, {"a": 1}, {"b": 1}),
            ValueError,
            r"keys mismatch; missing key\(s\): {'a'}; extra key\(s\): {'b'}",
        ),
        (
            lambda: pytree.tree_structure([1]).unflatten([1, 2]),
            ValueError,
            "has length 2 but .* holds 1",
        ),
        (lambda: pytree.tree_unflatten([1], 3), TypeError, "an instance of PyTreeSpec"),
        (lambda: pytree.register_pytree_node(list, None, None), ValueError, "already registered"),
        (lambda: pytree.register_dataclass(int), ValueError, "field_names must be specified"),
        (lambda: pytree.register_constant(object), TypeError, "non-default `__eq__`"),
        (lambda: pytree.tree_map_only(3, min, [1]), TypeError, "must be a type, a tuple of types"),
    ],
)
def test_errors(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_a_prefix_is_spread():
    spec = pytree.tree_structure([1, (2, 3)])
    assert pytree._broadcast_to_and_flatten(0, spec) == [0, 0, 0]
    assert pytree._broadcast_to_and_flatten([0, 1], spec) == [0, 1, 1]
    assert pytree._broadcast_to_and_flatten((0, 1), spec) is None


def test_leaves_and_structures_made_by_hand():
    leaf = pytree.LeafSpec()
    assert leaf == pytree.tree_structure(3) == pytree.treespec_leaf()
    assert isinstance(leaf, pytree.LeafSpec)
    assert not isinstance(pytree.tree_structure([]), pytree.LeafSpec)
    made = pytree.treespec_dict(a=leaf, b=pytree.treespec_tuple([leaf]))
    assert made == pytree.tree_structure({"a": 1, "b": (2,)})
    assert pytree.treespec_pprint(made) == "{'a': *, 'b': (*,)}"


def test_registration(registered):
    class Pair:
        def __init__(self, a, b):
            self.a, self.b = a, b

    how = (lambda p: ([p.a, p.b], None), lambda parts, _: Pair(*parts))
    registered(Pair, pytree.register_pytree_node, *how)
    assert pytree.tree_leaves([Pair(1, 2), 3]) == [1, 2, 3]
    with pytest.raises(ValueError, match="Did not find a flatten_with_keys_fn"):
        pytree.tree_leaves_with_path(Pair(1, 2))
    with (
        pytest.warns(FutureWarning, match="register_pytree_node"),
        pytest.warns(UserWarning, match="Overwriting"),
    ):
        pytree._register_pytree_node(Pair, *how)


def test_dataclasses(registered):
    @dataclasses.dataclass
    class Batch:
        x: int
        y: int = 2

    registered(Batch, pytree.register_dataclass)
    found, spec = pytree.tree_flatten_with_path(Batch(1))
    assert found == [((pytree.GetAttrKey("x"),), 1), ((pytree.GetAttrKey("y"),), 2)]
    assert repr(spec) == "TreeSpec(Batch, [['x', 'y'], []], [*,\n  *])"
    assert pytree.tree_map(lambda n: n + 1, Batch(1, None)) == Batch(2, None)


def test_constants(registered):
    @dataclasses.dataclass(frozen=True)
    class Mode:
        name: str

    registered(Mode, pytree.register_constant)
    assert pytree.tree_leaves([Mode("a"), 1]) == [1]
    assert pytree.tree_structure([Mode("a")]) != pytree.tree_structure([Mode("b")])


def test_functions_of_functions_see_registered_classes(registered):
    @dataclasses.dataclass
    class State:
        w: torch.Tensor
        b: torch.Tensor

    registered(State, pytree.register_dataclass)
    state = State(torch.tensor(2.0), torch.tensor(3.0))
    grads = torch.func.grad(lambda s: s.w * s.w * s.b)(state)
    assert (grads.w.item(), grads.b.item()) == (12.0, 4.0)


def test_how_containers_are_taken_apart_has_names():
    """Programs register classes of their own with these."""
    keys = [(pytree.MappingKey("a"), 1)]
    assert pytree._dict_flatten({"a": 1}) == ([1], ["a"])
    assert pytree._dict_flatten_with_keys({"a": 1}) == (keys, ["a"])
    assert pytree._dict_unflatten([1], ["a"]) == {"a": 1}
    assert pytree._list_flatten_with_keys([1]) == ([(pytree.SequenceKey(0), 1)], None)
    assert pytree._deque_flatten(deque([1], 3)) == ([1], 3)
