"""Threads that part, meet, wait and call; and what is refused of them."""

from __future__ import annotations

import numpy as np
import pytest

from flambeau.simulator.ptx import Fault, Unsupported, grid

from .assembly import kernel, launch

pytestmark = pytest.mark.usefixtures("cupy")

HERE = """
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, %ntid.x;
  mad.lo.s32 %r4, %r2, %r3, %r1;
  ld.param.u64 %d1, [test_param_0];
  mul.wide.u32 %d2, %r4, 4;
  add.s64 %d3, %d1, %d2;
"""
"""%r1: the thread in its block; %r4: in the grid; %d3: its element of the first argument."""


def test_threads_part_and_meet(cupy):
    text = kernel(
        HERE
        + """
  and.b32 %r5, %r1, 1;
  setp.eq.u32 %p1, %r5, 0;
  mov.u32 %r6, 7;
  @%p1 bra $even;
  mul.lo.u32 %r7, %r4, 3;
  bra.uni $both;
$even:
  add.u32 %r7, %r4, 1000;
$both:
  add.u32 %r8, %r7, %r6;
  st.global.u32 [%d3], %r8;""",
        "u64",
    )
    (found,) = launch(text, np.zeros(96, "u4"), grid=3)
    i = np.arange(96)
    assert found.tolist() == (np.where(i % 2 == 0, i + 1000, 3 * i) + 7).tolist()


def test_loops_of_different_lengths_with_the_latch_before_the_body(cupy):
    text = kernel(
        HERE
        + """
  mov.u32 %r5, 0;
  mov.u32 %r6, 0;
  bra.uni $body;
$latch:
  add.u32 %r6, %r6, 1;
  setp.gt.u32 %p1, %r6, %r1;
  @%p1 bra $out;
$body:
  add.u32 %r5, %r5, %r6;
  bra.uni $latch;
$out:
  st.global.u32 [%d3], %r5;""",
        "u64",
    )
    (found,) = launch(text, np.zeros(64, "u4"), block=64)
    assert found.tolist() == [n * (n + 1) // 2 for n in range(64)]


def test_a_predicate_before_any_instruction(cupy):
    text = kernel(
        HERE
        + """
  setp.lt.u32 %p1, %r1, 5;
  mov.u32 %r5, 1;
  @%p1 add.u32 %r5, %r5, 10;
  @!%p1 add.u32 %r5, %r5, 20;
  st.global.u32 [%d3], %r5;
  @%p1 ret;
  st.global.u32 [%d3], 3;""",
        "u64",
    )
    (found,) = launch(text, np.zeros(32, "u4"))
    assert found.tolist() == [11] * 5 + [3] * 27


def test_a_table_of_branches(cupy):
    text = kernel(
        HERE
        + """
  and.b32 %r5, %r1, 3;
  setp.gt.u32 %p1, %r5, 2;
  @%p1 bra $end;
  $list: .branchtargets $a, $b, $c;
  brx.idx %r5, $list;
$a:
  st.global.u32 [%d3], 10;
  bra.uni $end;
$b:
  st.global.u32 [%d3], 20;
$c:
  ld.global.u32 %r6, [%d3];
  add.u32 %r6, %r6, 5;
  st.global.u32 [%d3], %r6;
$end:""",
        "u64",
    )
    (found,) = launch(text, np.zeros(8, "u4"), block=8)
    assert found.tolist() == [10, 25, 5, 0] * 2


def test_grids_and_blocks_of_three_dimensions(cupy):
    text = kernel(
        """
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, %tid.y;
  mov.u32 %r3, %tid.z;
  mov.u32 %r4, %ctaid.x;
  mov.u32 %r5, %ctaid.y;
  mov.u32 %r6, %ctaid.z;
  mov.u32 %r7, %ntid.x;
  mov.u32 %r8, %ntid.y;
  mov.u32 %r9, %ntid.z;
  mov.u32 %r10, %nctaid.x;
  mov.u32 %r11, %nctaid.y;
  mad.lo.u32 %r12, %r6, %r11, %r5;
  mad.lo.u32 %r12, %r12, %r10, %r4;
  mad.lo.u32 %r12, %r12, %r9, %r3;
  mad.lo.u32 %r12, %r12, %r8, %r2;
  mad.lo.u32 %r12, %r12, %r7, %r1;
  ld.param.u64 %d1, [test_param_0];
  mul.wide.u32 %d2, %r12, 4;
  add.s64 %d3, %d1, %d2;
  st.global.u32 [%d3], %r12;""",
        "u64",
    )
    n = 2 * 3 * 4 * 3 * 2 * 5
    (found,) = launch(text, np.zeros(n, "u4"), grid=(2, 3, 4), block=(3, 2, 5))
    assert found.tolist() == [*range(n)]


def test_more_blocks_than_run_together(cupy, monkeypatch):
    monkeypatch.setattr(grid, "TOGETHER", 64)
    (found,) = launch(
        kernel(HERE + "st.global.u32 [%d3], %r2;", "u64"), np.zeros(320, "u4"), grid=10
    )
    assert found.tolist() == np.repeat(np.arange(10), 32).tolist()


FUNCTION = """
.func (.param .b32 result) scaled(.param .b32 x, .param .b64 place)
{
  .reg .pred %p<3>;
  .reg .b32 %r<5>;
  .reg .b64 %d<3>;
  ld.param.b32 %r1, [x];
  ld.param.b64 %d1, [place];
  st.b32 [%d1], %r1;
  setp.gt.u32 %p1, %r1, 3;
  mul.lo.u32 %r2, %r1, 2;
  @%p1 bra $big;
  st.param.b32 [result], %r2;
  ret;
$big:
  st.param.b32 [result], %r1;
  ret;
}
"""


def test_calls_within_the_module(cupy):
    call = """
  {{
  .param .b32 param0;
  .param .b64 param1;
  .param .b32 retval0;
  st.param.b32 [param0], {0};
  st.param.b64 [param1], %d5;
  call.uni (retval0), scaled, (param0, param1);
  ld.param.b32 {1}, [retval0];
  }}"""
    text = kernel(
        HERE
        + """
  .local .align 8 .b8 depot[16];
  mov.b64 %d4, depot;
  cvta.local.u64 %d5, %d4;"""
        + call.format("%r1", "%r5")
        + call.format("%r5", "%r6")
        + """
  ld.local.u32 %r7, [%d4];
  mad.lo.u32 %r8, %r7, 100, %r6;
  st.global.u32 [%d3], %r8;""",
        "u64",
        before=FUNCTION,
    )
    (found,) = launch(text, np.zeros(8, "u4"), block=8)
    once = [n if n > 3 else 2 * n for n in range(8)]
    assert found.tolist() == [100 * n + (n if n > 3 else 2 * n) for n in once]


def test_functions_that_call_themselves_are_refused(cupy):
    text = kernel(
        "call.uni test2, ();", before=".func test2()\n{\n call.uni test2, ();\n ret;\n}\n"
    )
    with pytest.raises(Unsupported, match="test2 calls itself"):
        launch(text)


SHARED = """
  .shared .align 16 .b8 words[512];
  mov.u64 %d5, words;
  mul.wide.u32 %d6, %r1, 4;
  add.s64 %d7, %d5, %d6;
  st.shared.u32 [%d7], %r4;
  {between}
  xor.b32 %r5, %r1, 127;
  mul.wide.u32 %d8, %r5, 4;
  add.s64 %d9, %d5, %d8;
  ld.shared.u32 %r6, [%d9];
  {after}
  st.global.u32 [%d3], %r6;"""


def test_shared_memory_is_a_block_s_own(cupy):
    text = kernel(HERE + SHARED.format(between="bar.sync 0;", after=""), "u64")
    (found,) = launch(text, np.zeros(384, "u4"), grid=3, block=128)
    assert found.tolist() == [b * 128 + 127 - t for b in range(3) for t in range(128)]


def test_generic_addresses_lead_to_all_memories(cupy):
    """Threads with even numbers load from shared, those with odd ones from global memory, in one instruction."""
    text = kernel(
        HERE
        + """
  .shared .align 16 .b8 words[512];
  mov.u64 %d5, words;
  mul.wide.u32 %d6, %r1, 4;
  add.s64 %d7, %d5, %d6;
  st.shared.u32 [%d7], %r1;
  cvta.shared.u64 %d8, %d7;
  and.b32 %r5, %r1, 1;
  setp.eq.u32 %p1, %r5, 0;
  selp.b64 %d9, %d8, %d3, %p1;
  ld.u32 %r6, [%d9];
  add.u32 %r6, %r6, 1000;
  st.u32 [%d9], %r6;
  ld.shared.u32 %r7, [%d7];
  ld.param.u64 %d10, [test_param_1];
  add.s64 %d11, %d10, %d2;
  st.global.u32 [%d11], %r7;""",
        "u64 u64",
    )
    first, second = launch(text, np.arange(32, dtype="u4") * 7, np.zeros(32, "u4"))
    i = np.arange(32)
    assert first.tolist() == np.where(i % 2, 7 * i + 1000, 7 * i).tolist()
    assert second.tolist() == np.where(i % 2, i, i + 1000).tolist()


def test_dynamic_shared_memory(cupy):
    text = kernel(
        HERE
        + """
  mul.wide.u32 %d6, %r1, 4;
  mov.u64 %d5, more;
  add.s64 %d7, %d5, %d6;
  st.shared.u32 [%d7], %r1;
  ld.shared.u32 %r6, [%d7];
  st.global.u32 [%d3], %r6;""",
        "u64",
        before=".extern .shared .align 16 .b8 more[];\n",
    )
    (found,) = launch(text, np.zeros(32, "u4"), shared=128)
    assert found.tolist() == [*range(32)]
    with pytest.raises(Fault, match="thread \\(31, 0, 0\\): 4 bytes at 124 of shared memory"):
        launch(text, np.zeros(32, "u4"), shared=124)


def test_variables_of_the_module(cupy):
    text = kernel(
        HERE
        + """
  mov.u64 %d5, table;
  add.s64 %d6, %d5, %d2;
  ld.const.f32 %r5, [%d6];
  st.global.f32 [%d3], %r5;
  ld.global.u32 %r6, [counted+4];
  atom.global.add.u32 %r7, [counted+4], 1;""",
        "u64",
        before=""".const .align 4 .f32 table[4] = {0f3F800000, 0f40000000, 0f40400000};
.global .align 4 .u32 counted[2] = {5, 6};
""",
    )
    (found,) = launch(text, np.zeros(4, "f4"), block=4)
    assert found.tolist() == [1, 2, 3, 0]


# ------------------------------------------------------------------------------------ faults


def fault(body: str, *arguments: object, match: str, **options) -> None:
    types = " ".join("u64" if isinstance(a, np.ndarray) else "u32" for a in arguments)
    with pytest.raises(Fault, match=match):
        launch(kernel(body, types), *arguments, **options)


def test_an_access_outside_of_an_allocation(cupy):
    fault(
        HERE + "ld.global.u32 %r5, [%d3];",
        np.zeros(40, "u4"),
        grid=2,
        match=r"kernel test at 'ld.global.u32 %r5, \[%d3\]', block \(1, 0, 0\), thread \(8, 0, 0\): "
        r"4 bytes at 0x\w+ are in no allocation of this GPU: they begin 0 bytes behind the end of one of 160 bytes",
    )
    fault(HERE + "st.global.u32 [%d3+-4], 5;", np.zeros(40, "u4"), match="in no allocation")
    fault("mov.u64 %d1, 0; ld.global.u32 %r1, [%d1];", match="a null pointer")


def test_an_access_across_an_allocation_s_end(cupy):
    fault(
        "ld.param.u64 %d1, [test_param_0]; ld.global.v2.u32 {%r1, %r2}, [%d1+8];",
        np.zeros(3, "u4"),
        match="8 bytes at",
    )


def test_memory_that_was_given_back(cupy):
    x = cupy.zeros(32, "u4")
    address = np.uint64(x.data.ptr)
    del x
    with pytest.raises(Fault, match="in no allocation"):
        launch(kernel(HERE + "ld.global.u32 %r5, [%d3];", "u64"), address)


def test_memory_of_another_gpu(cupy, monkeypatch):
    monkeypatch.setenv("FLAMBEAU_CUDA_SIMULATOR", "2")
    with cupy.cuda.Device(1):
        x = cupy.zeros(32, "u4")
    module = cupy.cuda.function.Module()
    module.load(kernel(HERE + "ld.global.u32 %r5, [%d3];", "u64").encode())
    function = module.get_function("test")
    with pytest.raises(Fault, match="in no allocation of this GPU: they are GPU 1's"):
        function((1,), (32,), (x,))
    with cupy.cuda.Device(1), pytest.raises(Fault, match="loaded on GPU 0, and launched on GPU 1"):
        function((1,), (32,), (x,))


def test_captured_launches_read_what_memory_holds_then(cupy):
    x = cupy.zeros(32, "u4")
    module = cupy.cuda.function.Module()
    text = kernel(
        HERE + "ld.global.u32 %r5, [%d3]; add.u32 %r5, %r5, 1; st.global.u32 [%d3], %r5;", "u64"
    )
    module.load(text.encode())
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        module.get_function("test")((1,), (32,), (x,))
        graph = stream.end_capture()
    assert x.get().tolist() == [0] * 32
    del module
    graph.launch()
    graph.launch()
    assert x.get().tolist() == [2] * 32


def test_a_misaligned_access(cupy):
    fault(
        HERE + "ld.global.v4.u32 {%r5, %r6, %r7, %r8}, [%d3];",
        np.zeros(64, "u4"),
        match=r"thread \(1, 0, 0\): address 0x\w+ is no multiple of 16",
    )


def test_an_access_outside_of_shared_memory(cupy):
    fault(HERE + SHARED.format(between="bar.sync 0;", after=""), np.zeros(256, "u4"), block=256,
          match=r"thread \(128, 0, 0\): 4 bytes at 512 of shared memory are in no variable of it \(0..512\)")  # fmt: skip


def test_an_access_outside_of_local_memory(cupy):
    body = ".local .align 4 .b8 depot[16]; mov.u64 %d5, depot; add.s64 %d6, %d5, %d2; st.local.u32 [%d6], 1;"
    fault(
        HERE + body,
        np.zeros(32, "u4"),
        match=r"thread \(4, 0, 0\): 4 bytes at 0x10 of 16 bytes of local memory",
    )


@pytest.mark.parametrize("block", [64, 128])
def test_a_missing_barrier_before_reading(cupy, block):
    fault(
        HERE + SHARED.format(between="", after=""),
        np.zeros(128, "u4"),
        block=128,
        match="another thread was at this place of shared memory",
    )


def test_a_missing_barrier_before_writing_again(cupy):
    between, after = "bar.sync 0;", "st.shared.u32 [%d7], 5;"
    fault(
        HERE + SHARED.format(between=between, after=after),
        np.zeros(128, "u4"),
        block=128,
        match="another thread was at this place",
    )
    text = kernel(HERE + SHARED.format(between=between, after="bar.sync 0; " + after), "u64")
    launch(text, np.zeros(128, "u4"), block=128)


def test_a_missing_barrier_within_a_warp(cupy):
    body = SHARED.replace("127", "31")
    fault(
        HERE + body.format(between="", after=""),
        np.zeros(32, "u4"),
        match="another thread was at this place",
    )
    (found,) = launch(
        kernel(HERE + body.format(between="bar.warp.sync -1;", after=""), "u64"), np.zeros(32, "u4")
    )
    assert found.tolist() == [*range(31, -1, -1)]


def test_two_threads_that_write_one_place_of_shared_memory(cupy):
    body = ".shared .align 4 .b8 word[4]; st.shared.u32 [word], %r1;"
    fault(HERE + body, np.zeros(32, "u4"), match="another thread was at this place")


def test_atomic_changes_of_shared_memory_are_no_race(cupy):
    body = """
  .shared .align 4 .b8 word[4];
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra $go;
  st.shared.u32 [word], 0;
$go:
  bar.sync 0;
  atom.shared.add.u32 %r5, [word], 1;
  {}
  ld.shared.u32 %r6, [word];
  st.global.u32 [%d3], %r6;"""
    (found,) = launch(
        kernel(HERE + body.format("bar.sync 0;"), "u64"), np.zeros(64, "u4"), block=64
    )
    assert found.tolist() == [64] * 64
    fault(
        HERE + body.format(""),
        np.zeros(64, "u4"),
        block=64,
        match="another thread was at this place",
    )


def test_a_barrier_that_not_all_threads_reach(cupy):
    body = "setp.gt.u32 %p1, %r1, 40; @%p1 bra $end; bar.sync 0;\n$end:"
    fault(
        HERE + body,
        np.zeros(64, "u4"),
        block=64,
        match="41 of 64 threads of the block come to this barrier",
    )
    parted = (
        "setp.gt.u32 %p1, %r1, 40; @%p1 bra $b; bar.sync 0; bra.uni $end;\n$b:\n bar.sync 0;\n$end:"
    )
    fault(
        HERE + parted,
        np.zeros(64, "u4"),
        block=64,
        match="of 64 threads of the block come to this barrier",
    )


def test_blocks_wait_for_their_own_threads_only(cupy):
    body = "setp.eq.u32 %p1, %r2, 1; @%p1 bra $end; bar.sync 0; st.global.u32 [%d3], 1;\n$end:"
    (found,) = launch(kernel(HERE + body, "u64"), np.zeros(96, "u4"), grid=3)
    assert found.tolist() == [1] * 32 + [0] * 32 + [1] * 32


def test_an_exchange_that_not_all_threads_reach(cupy):
    body = "setp.gt.u32 %p1, %r1, 20; @%p1 bra $end; shfl.sync.bfly.b32 %r5, %r1, 1, 31, -1;\n$end:"
    fault(
        HERE + body, np.zeros(32, "u4"), match="not all threads of the warp that it names come here"
    )


def test_a_kernel_that_does_not_end(cupy, monkeypatch):
    monkeypatch.setattr(grid, "LIMIT", 1000)
    fault("$again: bra.uni $again;", match="it does not end")


def test_a_trap(cupy):
    fault(
        HERE + "setp.eq.u32 %p1, %r4, 33; @%p1 trap;",
        np.zeros(1),
        grid=2,
        match=r"block \(1, 0, 0\), thread \(1, 0, 0\): a trap",
    )


@pytest.mark.parametrize(
    ("grid", "block", "match"),
    [
        (0, 32, "an empty grid"),
        (1, 0, "an empty block"),
        (1, (512, 4), "2048 threads a block"),
        (1, 2048, "beyond"),
        ((1, 70000), 32, "beyond"),
    ],
)
def test_launches_that_no_gpu_does(cupy, grid, block, match):
    with pytest.raises(Fault, match=match):
        launch(kernel(""), grid=grid, block=block)


def test_too_much_shared_memory(cupy):
    text = kernel(HERE + ".shared .align 4 .b8 all[49153]; st.shared.u8 [all], 1;", "u64")
    with pytest.raises(
        Fault, match="49168 \\+ 0 bytes of shared memory a block, and there are 49152"
    ):
        launch(text, np.zeros(32, "u4"))


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((np.int64(1),), "parameter 0 is .u32, 4 bytes"),
        ((1.5,), "parameter 0 is .u32, 4 bytes"),
        ((np.float32(1),), "parameter 0 is .u32, 4 bytes, and np.float32"),
        ((), "1 parameters, and 0 arguments"),
    ],
)
def test_arguments_of_other_types(cupy, arguments, match):
    with pytest.raises(Fault, match=match):
        launch(kernel("", "u32"), *arguments)


def test_a_register_that_nothing_was_written_to_holds_garbage(cupy):
    (found,) = launch(
        kernel(HERE + "st.global.u32 [%d3], %r20;", "u64"), np.zeros(2, "u4"), block=2
    )
    assert found.tolist() == [0xCDCDCDCD] * 2


def test_an_instruction_that_is_not_executed(cupy):
    with pytest.raises(Unsupported, match=r"does not execute 'add.rz.f32 %r1, %r2, %r3'"):
        launch(kernel("add.rz.f32 %r1, %r2, %r3;"))
