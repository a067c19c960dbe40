"""`torch.profiler.profile`, and the simpler one of `torch.autograd.profiler`."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from .event import FunctionEventAvg
from .event_list import EventList
from .recorder import ANNOTATION, Record, Recorder, active
from .schedule import ProfilerAction, ProfilerActivity, always


class record_function:
    """A block, or a decorated function, that profilers show by name. It costs next to nothing otherwise.

    Args:
        name: What it is called.
        args: A note, shown in traces behind the name.

    Source: torch.profiler.record_function

    Example:
        >>> import flambeau as torch
        >>> with torch.profiler.profile() as prof:
        ...     with torch.profiler.record_function("twice"):
        ...         y = torch.ones(3) + torch.ones(3)
        >>> [event.name for event in prof.events()]
        ['twice', 'aten::ones', 'aten::ones', 'aten::add']
    """

    def __init__(self, name: str, args: str | None = None):
        self.name, self.args = name, args
        self.record: tuple[Recorder, Record] | None = None

    def __enter__(self) -> record_function:
        if active:
            recorder = active[-1]
            record = recorder.open(self.name, ANNOTATION, None)
            if self.args is not None:
                record.trace_name = f"{self.name} {self.args}"
            self.record = recorder, record
        return self

    def __exit__(self, *exception: object) -> None:
        if self.record is not None:
            recorder, record = self.record
            self.record = None
            if recorder in active:
                recorder.close(record, None)

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name, self.args):
                return function(*args, **kwargs)

        return wrapped


def refuse(**options: Any) -> None:
    """Raises NotImplementedError for an option that is given and means nothing here."""
    for name, value in options.items():
        if value:
            raise NotImplementedError(
                f"profile({name}=...) is not supported: {REASONS[name]}. Leave it out"
            )


REASONS = {
    "with_modules": "it shows the modules of TorchScript models, which flambeau does not have",
    "experimental_config": "it configures PyTorch's Kineto library",
    "execution_trace_observer": "execution traces of PyTorch's dispatcher do not exist here",
    "custom_trace_id_callback": "traces get random identifiers",
    "post_processing_timeout_s": "nothing is processed in the background",
    "use_kineto": "it chooses PyTorch's Kineto library",
    "use_device": "flambeau's operations are profiled on the CPU only",
}


def _recording(action: ProfilerAction) -> bool | None:
    """Are events kept (True), thrown away (False) or not recorded?"""
    if action is ProfilerAction.NONE:
        return None
    return action is not ProfilerAction.WARMUP


class Profile:
    """Records the operations that run while it is entered. Times are in microseconds.

    Args:
        enabled: Record at all?
        record_shapes: Note the shapes of arguments.
        with_flops: Count the arithmetic of sums, products, matrix products and convolutions.
        profile_memory: Note the memory that operations leave.
        with_stack: Note the lines that called.
        with_modules, use_kineto, use_device, experimental_config: Not supported.
        acc_events: Keep the events of former uses too.

    Raises:
        RuntimeError: It is entered twice, or another profiler records.
        NotImplementedError: An option that is not supported was given.

    Source: torch.autograd.profiler.profile

    Example:
        >>> import flambeau as torch
        >>> with torch.autograd.profiler.profile() as prof:
        ...     y = torch.ones(2).exp()
        >>> [(row.key, row.count) for row in prof.key_averages()]
        [('aten::ones', 1), ('aten::exp', 1)]
    """

    def __init__(
        self,
        enabled: bool = True,
        *,
        use_device: str | None = None,
        record_shapes: bool = False,
        with_flops: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_modules: bool = False,
        use_kineto: bool = False,
        use_cpu: bool = True,
        experimental_config: Any = None,
        acc_events: bool = False,
    ):
        refuse(
            with_modules=with_modules, experimental_config=experimental_config,
            use_kineto=use_kineto, use_device=use_device,
        )  # fmt: skip
        self.enabled, self.use_cpu, self.acc_events = enabled, use_cpu, acc_events
        self.record_shapes, self.with_flops = record_shapes or with_flops, with_flops
        self.profile_memory, self.with_stack = profile_memory, with_stack
        self.entered = False
        self.recorder: Recorder | None = None
        self.function_events: EventList | None = None

    def __enter__(self) -> Profile | None:  # type: ignore[return]
        if not self.enabled:
            return None
        if self.entered:
            raise RuntimeError("Profiler context manager is not reentrant")
        if active:
            raise RuntimeError("Can't start a profiler while another one records: stop that first")
        self.entered = True
        self.recorder = Recorder(
            self.record_shapes, self.profile_memory, self.with_stack, self.with_flops
        )
        self.recorder.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if not self.enabled or self.recorder is None:
            return
        self.recorder.stop()
        self.entered = False
        found = self.recorder.events() if self.use_cpu else []
        before = list(self.function_events or ()) if self.acc_events else []
        self.function_events = EventList([*before, *found], self.profile_memory, self.with_flops)

    def events(self) -> EventList:
        """Everything that was recorded.

        Raises:
            RuntimeError: It has not ended.
        """
        if self.function_events is None:
            raise RuntimeError("Profiler didn't finish running: leave its with block first")
        return self.function_events

    def key_averages(
        self,
        group_by_input_shape: bool = False,
        group_by_stack_n: int = 0,
        group_by_overload_name: bool = False,
        include_python_functions: bool = False,
    ) -> EventList:
        """Events of equal names together; see `EventList.key_averages`."""
        return self.events().key_averages(
            group_by_input_shape, group_by_stack_n, group_by_overload_name
        )

    def table(self, *args: Any, **kwargs: Any) -> str:
        """All events as a table; see `EventList.table`."""
        return self.events().table(*args, **kwargs)

    def total_average(self) -> FunctionEventAvg:
        """All events together."""
        return self.events().total_average()

    @property
    def self_cpu_time_total(self) -> float:
        """The time of all events, in microseconds."""
        return self.events().self_cpu_time_total

    def export_chrome_trace(self, path: str) -> None:
        """Write what chrome://tracing and Perfetto show."""
        self.events().export_chrome_trace(path)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Write a line for each stack; see `EventList.export_stacks`."""
        self.events().export_stacks(path, metric)

    def __str__(self) -> str:
        if self.function_events is None:
            return "<unfinished torch.autograd.profile>"
        return str(self.function_events)

    __repr__ = __str__


class profile:
    """Records operations, all of them or in cycles of steps.

    Args:
        activities: Of `ProfilerActivity`; only the CPU can be looked at.
        schedule: From a step's number to a `ProfilerAction` (see `flambeau.profiler.schedule`); call
            `step` at the end of each.
        on_trace_ready: Called with the profiler when a trace is complete.
        record_shapes, profile_memory, with_stack, with_flops: See `flambeau.autograd.profiler.profile`.
        with_modules, experimental_config, execution_trace_observer, custom_trace_id_callback,
            post_processing_timeout_s: Not supported.
        acc_events: Keep the events of former cycles too.

    Raises:
        AssertionError: No known activity was given.
        NotImplementedError: An option that is not supported was given.

    Source: torch.profiler.profile

    Example:
        >>> import flambeau as torch
        >>> x = torch.ones(3, requires_grad=True)
        >>> with torch.profiler.profile(record_shapes=True) as prof:
        ...     (x * x).sum().backward()
        >>> [event.name for event in prof.events()][:2]
        ['aten::mul', 'aten::sum']
        >>> prof.events()[0].input_shapes
        [[3], [3]]
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[..., Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        experimental_config: Any = None,
        execution_trace_observer: Any = None,
        acc_events: bool = False,
        custom_trace_id_callback: Any = None,
        post_processing_timeout_s: float | None = None,
    ):
        refuse(
            with_modules=with_modules, experimental_config=experimental_config,
            execution_trace_observer=execution_trace_observer,
            custom_trace_id_callback=custom_trace_id_callback,
            post_processing_timeout_s=post_processing_timeout_s,
        )  # fmt: skip
        self.activities = {ProfilerActivity.CPU} if activities is None else set(activities)
        if not self.activities or not self.activities <= set(ProfilerActivity):
            raise AssertionError("No valid profiler activities found")
        if ProfilerActivity.CUDA in self.activities:
            warnings.warn("CUDA is not available, disabling CUDA profiling", stacklevel=2)
        self.schedule, self.record_steps = schedule or always, schedule is not None
        self.on_trace_ready = on_trace_ready
        self.options: dict[str, Any] = {
            "record_shapes": record_shapes, "profile_memory": profile_memory, "with_stack": with_stack,
            "with_flops": with_flops, "use_cpu": ProfilerActivity.CPU in self.activities,
        }  # fmt: skip
        self.acc_events = acc_events
        self.step_num = 0
        self.current_action = ProfilerAction.NONE
        self.running: Profile | None = None
        self.profiler: Profile | None = None
        self.step_block: record_function | None = None

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin with step 0."""
        self._turn(self.schedule(self.step_num))
        self._begin_step()

    def stop(self) -> None:
        """End; a trace that was being recorded is complete."""
        self._end_step()
        recording = _recording(self.current_action)
        self._turn(ProfilerAction.NONE)
        if recording and self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def step(self) -> None:
        """The next step begins."""
        self._end_step()
        saved = self.current_action is ProfilerAction.RECORD_AND_SAVE
        self.step_num += 1
        action = self.schedule(self.step_num)
        if saved:
            self._turn(ProfilerAction.NONE)
            if self.on_trace_ready is not None:
                self.on_trace_ready(self)
        self._turn(action)
        self._begin_step()

    def _turn(self, action: ProfilerAction) -> None:
        """Start, restart or stop recording."""
        before, self.current_action = self.current_action, action
        if _recording(before) is _recording(action):
            return
        if self.running is not None:
            self.running.__exit__(None, None, None)
            self.running = None
        if action is ProfilerAction.NONE:
            return
        self.running = Profile(**self.options, acc_events=self.acc_events)
        if action is not ProfilerAction.WARMUP:
            if self.acc_events and self.profiler is not None:
                self.running.function_events = self.profiler.function_events
            self.profiler = self.running
        self.running.__enter__()

    def _begin_step(self) -> None:
        if self.record_steps:
            self.step_block = record_function("ProfilerStep*")
            self.step_block.__enter__()
            if self.step_block.record is not None:
                self.step_block.record[1].trace_name = f"ProfilerStep#{self.step_num}"

    def _end_step(self) -> None:
        if self.step_block is not None:
            self.step_block.__exit__()
            self.step_block = None

    def _finished(self, doing: str) -> Profile:
        if self.profiler is None:
            raise AssertionError(f"Profiler must be initialized before {doing}")
        return self.profiler

    def events(self) -> EventList:
        """Everything that was recorded in the last cycle."""
        return self._finished("accessing events").events()

    def key_averages(
        self,
        group_by_input_shape: bool = False,
        group_by_stack_n: int = 0,
        group_by_overload_name: bool = False,
        include_python_functions: bool = False,
    ) -> EventList:
        """Events of equal names together; see `EventList.key_averages`."""
        return self._finished("getting key averages").key_averages(
            group_by_input_shape, group_by_stack_n, group_by_overload_name
        )

    def export_chrome_trace(self, path: str) -> None:
        """Write what chrome://tracing and Perfetto show; gzipped if the name ends in .gz."""
        self._finished("exporting chrome trace").export_chrome_trace(path)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Write a line for each stack, for flame graphs; needs with_stack."""
        self._finished("exporting stacks").export_stacks(path, metric)
