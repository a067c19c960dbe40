"""backward and grad: the two ways to run the engine, and the checks of what they are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .._caller import warn
from ..core.handler import entered, mapped
from ..core.tensor import Tensor, wrap
from . import engine
from .node import Leaf, own_kind


class GradientEdge(NamedTuple):
    """A place in the graph: one output of a node, or a leaf's `AccumulateGrad`.

    Source: torch.autograd.graph.GradientEdge
    """

    node: Any
    output_nr: int

    @property
    def history(self) -> Any:
        """The same as a tensor's history, for the engine."""
        return self.node if self.node.outputs == 1 else self.node.port(self.output_nr)


def sequence(value: Any) -> tuple:
    """`value` as a tuple; a tensor or an edge is one of one."""
    if value.__class__ is Tensor:
        return (value,)
    if value.__class__ is list or value.__class__ is tuple:
        return tuple(value)
    if isinstance(value, (Tensor, GradientEdge)) or value is None:
        return (value,)
    return tuple(value)


def arriving(outputs: tuple, grads: Any) -> tuple[Any, ...]:
    """The given gradients as a tuple; one of None for each output where there are none."""
    return (None,) * len(outputs) if grads is None else sequence(grads)


def history(value: Any) -> Any:
    """The node or port of a tensor or edge; None where there is no gradient."""
    node = value.history if value.__class__ is GradientEdge else value._node
    return None if node is None or not node.reverse else node


def histories(values: Sequence[Any]) -> list[Any]:
    """The node or port of each, None where there is no gradient."""
    found = []
    for value in values:
        node = value.history if value.__class__ is GradientEdge else value._node
        found.append(None if node is None or not node.reverse else node)
    return found


def seeds(roots: Sequence[Any], grads: Sequence[Any]) -> list[Tensor]:
    """The gradients that backward starts with: ones for a single value, else what was given.

    Args:
        roots: The outputs' histories.

    Raises:
        RuntimeError: An output has several elements and no gradient, needs none, or shapes differ.
    """
    if len(roots) != len(grads):
        raise RuntimeError(f"got {len(roots)} tensors and {len(grads)} gradients")
    found = []
    for i, (edge, grad) in enumerate(zip(roots, grads)):
        if not (
            grad.__class__ is Tensor
            and edge is not None
            and grad._kind is edge.kind
            and grad._array.shape == edge.shape
        ):
            grad = seed(i, edge, grad)
        found.append(grad)
    return found


def seed(i: int, edge: Any, grad: Any) -> Tensor:
    """The gradient that arrives at output `i`, whose history is `edge`."""
    if edge is None or not edge.reverse:
        raise RuntimeError(
            f"element {i} of tensors does not require grad and does not have a grad_fn: no input of "
            "it requires grad, or it was computed under no_grad or from a detached tensor"
        )
    shape, kind = edge.shape, edge.kind
    if kind.numpy is None:
        kind = own_kind(kind)
    if grad is None:
        if shape and any(n != 1 for n in shape):
            raise RuntimeError(
                f"grad can be implicitly created only for scalar outputs, not for shape "
                f"{list(shape)}: reduce it first (sum, mean) or pass gradient="
            )
        if kind.dtype.is_complex:
            raise RuntimeError(
                f"grad can be implicitly created only for real scalar outputs but got {kind.dtype}"
            )
        return wrap(kind.one().reshape(shape), kind)
    if not isinstance(grad, Tensor):
        raise TypeError(
            f"gradients can be either Tensors, Python scalars, or None, but got {type(grad).__name__}"
        )
    if grad._array.shape != shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{i}] has a shape of {grad.shape} and output[{i}] has a "
            f"shape of torch.Size({list(shape)})."
        )
    if grad.dtype.is_complex is not kind.dtype.is_complex:
        raise RuntimeError(
            "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch "
            f"in dtype: grad_output[{i}] has a dtype of {grad.dtype} and output[{i}] has a dtype of "
            f"{kind.dtype}."
        )
    if grad._kind.device is not kind.device:
        if shape:
            raise RuntimeError(
                f"invalid gradient at index {i} - expected device {kind.device} but got {grad.device}: move it with "
                f".to({str(kind.device)!r})"
            )
        return grad.to(kind.device)  # type: ignore[attr-defined]
    return grad


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Add the gradients of `tensors` to the ``.grad`` of the leaves they were computed from.

    Args:
        tensors: The outputs.
        grad_tensors: What arrives at each; None where it has one element.
        retain_graph: Keep what was saved, to go back again. Default: `create_graph`.
        create_graph: Record the computation of the gradients, to differentiate them.
        grad_variables: The old name of `grad_tensors`.
        inputs: Only the ``.grad`` of these is added to.

    Raises:
        RuntimeError: An output requires no grad, the graph was freed, or a saved value was modified.

    Source: torch.autograd.backward

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor([1., 2.], requires_grad=True)
        >>> torch.autograd.backward([x.sum(), (x * x).sum()])
        >>> x.grad
        tensor([3., 5.])
    """
    if grad_variables is not None:
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. "
                "Please only use `grad_tensors`."
            )
        grad_tensors = grad_variables
    outputs = sequence(tensors)
    grads = arriving(outputs, grad_tensors)
    retain = create_graph if retain_graph is None else retain_graph
    roots = histories(outputs)
    if inputs is None:
        engine.run(roots, seeds(roots, grads), retain, create_graph)
        return
    targets = sequence(inputs)
    if not targets:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    edges = histories(targets)
    if None in edges:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    found = engine.run(roots, seeds(roots, grads), retain, create_graph, edges)
    for target, grad in dict(zip(targets, found)).items():
        if grad is not None:
            deposit(target, grad, create_graph)


def deposit(target: Any, grad: Tensor, create_graph: bool) -> None:
    """Add a gradient to one tensor's ``.grad``.

    Raises:
        RuntimeError: The target is an edge that belongs to no leaf.
    """
    if isinstance(target, GradientEdge):
        if not isinstance(target.node, Leaf):
            raise RuntimeError(
                f"backward(): inputs= got an edge of {target.node.name()}, which has no tensor to add the "
                "gradient to: pass the tensor, or use autograd.grad"
            )
        target = target.node.variable
    edge = target._node
    if type(edge) is Leaf:
        flow = engine.RECORDED if create_graph else engine.BARE
        flow.accumulate(edge, grad if create_graph else grad._array)
    else:
        old = getattr(target, "_grad", None)
        target._grad = grad if old is None else old + grad


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of `outputs` with respect to `inputs`; no ``.grad`` changes.

    Args:
        outputs, grad_outputs: Where to start, and what arrives there.
        inputs: Tensors, leaves or not, or edges of the graph, whose gradients are wanted.
        retain_graph, create_graph: As for `backward`.
        only_inputs: Must be True; False warns and is ignored, as in PyTorch.
        allow_unused: Give None for an input that the outputs do not depend on, instead of an error.
        is_grads_batched: The first dimension of grad_outputs counts independent vectors.
        materialize_grads: Give zeros for such an input.

    Raises:
        RuntimeError: An input requires no grad, or was not used.

    Source: torch.autograd.grad

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor(2., requires_grad=True)
        >>> torch.autograd.grad(x ** 3, x)
        (tensor(12.),)
    """
    if entered and (mapping := mapped()) is not None:
        return mapping.around(
            grad,
            (outputs, inputs, grad_outputs, retain_graph, create_graph, only_inputs, allow_unused),
            {"is_grads_batched": is_grads_batched, "materialize_grads": materialize_grads},
        )
    if not only_inputs:
        warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate "
            "gradient for other parts of the graph, please use torch.autograd.backward.",
            FutureWarning,
        )
    outs, targets = sequence(outputs), sequence(inputs)
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, "
            "but got: allow_unused=False."
        )
    if not targets:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    edges = histories(targets)
    if None in edges:
        raise RuntimeError(
            "One of the differentiated Tensors does not require grad: call requires_grad_() on it "
            "before it is used"
        )
    grads = arriving(outs, grad_outputs)
    unused = materialize_grads or bool(allow_unused)
    retain = create_graph if retain_graph is None else retain_graph
    roots = histories(outs)
    if is_grads_batched:
        found = _batched(roots, edges, grads, retain, create_graph)
    else:
        found = engine.run(roots, seeds(roots, grads), retain, create_graph, edges)
    if not unused:
        check_used(found)
    if materialize_grads:
        count = grads[0]._array.shape[:1] if is_grads_batched else ()
        found = [_zeros(t, count) if g is None else g for g, t in zip(found, targets)]
    return tuple(found)


def check_used(found: Sequence[Any]) -> None:
    """Raises RuntimeError if an input's gradient is None: the outputs do not depend on it."""
    for i, g in enumerate(found):
        if g is None:
            raise RuntimeError(
                f"The differentiated Tensor at index {i} appears to not have been used in the graph. Set "
                "allow_unused=True if this is the desired behavior. (Its gradient is None then.) Was the output "
                "computed from a copy of it (x.to(...), x.clone(), x.detach()), or under no_grad?"
            )


def _zeros(target: Any, count: tuple[int, ...]) -> Tensor:
    edge = history(target)
    return wrap(edge.kind.xp.zeros((*count, *edge.shape), edge.kind.numpy), edge.kind)


def _batched(roots: list, wanted: list, grads: tuple, retain: bool, create: bool) -> list[Any]:
    """One backward for each vector of a batch, stacked."""
    count = len(grads[0]) if grads[0] is not None else 0
    for i, (root, batch) in enumerate(zip(roots, grads)):
        if batch is None or batch._array.shape[1:] != root.shape:
            raise RuntimeError(
                "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the "
                "batch dimension. The sizes of the remaining dimensions are expected to match the shape of "
                "corresponding output, but a mismatch was detected: "
                f"grad_output[{i}] has a shape of {None if batch is None else batch.shape} and "
                f"output[{i}] has a shape of torch.Size({list(root.shape)})."
            )
    rows = [
        engine.run(roots, [g[i] for g in grads], retain or i < count - 1, create, wanted)
        for i in range(count)
    ]
    return [None if column[0] is None else column[0]._stacked(column) for column in zip(*rows)]
