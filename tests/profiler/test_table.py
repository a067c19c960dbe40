"""The table and the files; layouts are PyTorch 2.13's."""

import gzip
import json

import pytest

import flambeau as torch
from flambeau.profiler.event import FunctionEvent, time_text
from flambeau.profiler.event_list import EventList
from flambeau.profiler.table import bytes_text, flops_unit

HEAD = "  ------------" * 6


def example(**options):
    add = FunctionEvent(1, "aten::add", 1, 0.0, 3000.0, input_shapes=[[2, 3], []], stack=["b", "a"])
    mul = FunctionEvent(2, "aten::mul", 1, 1000.0, 2000.0, flops=5000, cpu_memory_usage=8000)
    again = FunctionEvent(3, "aten::mul", 1, 4000.0, 5000.0, flops=5000, cpu_memory_usage=8000)
    mul.cpu_parent = add
    add.cpu_children.append(mul)
    return EventList([add, mul, again], **options)


def test_layout():
    text = example().key_averages().table(sort_by="self_cpu_time_total")
    bar = "-------------" + HEAD + "  "
    assert text.split("\n") == [
        bar,
        "         Name    Self CPU %      Self CPU   CPU total %     CPU total  CPU time avg    # of Calls  ",
        bar,
        "    aten::add        50.00%       2.000ms        75.00%       3.000ms       3.000ms             1  ",
        "    aten::mul        50.00%       2.000ms        50.00%       2.000ms       1.000ms             2  ",
        bar,
        "Self CPU time total: 4.000ms",
        "",
    ]


def test_memory_and_arithmetic():
    text = example(profile_memory=True, with_flops=True).key_averages().table()
    title, row = text.split("\n")[1], text.split("\n")[4]
    assert title.endswith("     CPU Mem  Self CPU Mem    # of Calls  Total KFLOPs  ")
    assert row.endswith("    15.62 KB      15.62 KB             2        10.000  ")


def test_shapes_and_sources():
    averages = example().key_averages(group_by_input_shapes=True, group_by_stack_n=2)
    lines = averages.table().split("\n")
    assert lines[1].endswith("  # of Calls      Input Shapes  Source Location      ")
    assert lines[3].endswith("           1      [[2, 3], []]  b                    ")
    assert lines[4].strip() == "a"
    assert lines[5].strip() == ""


def test_header_and_top_level():
    averages = example().key_averages()
    lines = averages.table(header="HEAD", top_level_events_only=True).split("\n")
    bar = "=" * (13 + 6 * 14)
    assert lines[:4] == [bar, "HEAD", bar, "This report only display top-level ops statistics"]
    assert "aten::mul" not in "\n".join(lines)


def test_limits_of_rows_and_names():
    averages = example().key_averages()
    assert averages.table(row_limit=1).count("aten::") == 1
    assert averages.table(row_limit=-1).count("aten::") == 2
    assert "\naten...  " in averages.table(max_name_column_width=7)


def test_wrong_arguments():
    with pytest.raises(AttributeError, match="bogus"):
        example().key_averages().table(sort_by="bogus")
    with pytest.raises(ValueError, match="time_unit"):
        example().key_averages().table(time_unit="h")
    with pytest.raises(ValueError, match="metric should be one of"):
        example().export_stacks("never", "foo")
    with pytest.raises(RuntimeError, match="averages have no times"):
        example().key_averages().export_chrome_trace("never")


def test_empty():
    assert EventList().table() == ""


def test_texts():
    assert [time_text(us) for us in (1.5, 1500, 2e6)] == ["1.500us", "1.500ms", "2.000s"]
    assert time_text(1500, "us") == "1500.000us"
    assert [bytes_text(n) for n in (0, 4, 8000, -48005, 3 << 20)] == [
        *("0 B", "4 B", "7.81 KB", "-46.88 KB", "3.00 MB"),
    ]
    assert flops_unit(example().key_averages()) == (1000.0, "KFLOPs")


def test_trace(tmp_path):
    x = torch.ones(3, requires_grad=True)
    with torch.profiler.profile(record_shapes=True) as prof:
        x.exp().backward(torch.ones(3))
    path = tmp_path / "trace.json.gz"
    prof.export_chrome_trace(str(path))
    content = json.loads(gzip.decompress(path.read_bytes()))
    events = {event["name"]: event for event in content["traceEvents"] if event["ph"] == "X"}
    assert events["aten::exp"]["cat"] == "cpu_op"
    assert events["aten::exp"]["args"]["Input Dims"] == [[3]]
    assert events["aten::exp"]["args"]["Input type"] == ["float"]
    assert events["aten::exp"]["dur"] > 0
    arrows = [event for event in content["traceEvents"] if event.get("cat") == "fwdbwd"]
    assert [event["ph"] for event in arrows] == ["s", "f"]
    assert arrows[0]["ts"] == events["aten::exp"]["ts"]
    assert arrows[1]["ts"] == events["ExpBackward0"]["ts"]


def test_stacks(tmp_path):
    path = tmp_path / "stacks"
    example().export_stacks(str(path), "self_cpu_time_total")
    assert path.read_text() == "a;b 2000\n"
