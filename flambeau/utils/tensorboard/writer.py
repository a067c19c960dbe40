"""SummaryWriter: scalars, histograms, images and the rest, in files that TensorBoard reads."""

from __future__ import annotations

import os
import socket
import time
from datetime import datetime
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from . import media, summary

try:
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
except ImportError:  # said by `summary.require`
    Event = None


class FileWriter:
    """Writes events to a file of a folder, in the background.

    Args:
        log_dir: The folder.
        max_queue: How many events wait.
        flush_secs: How often they are written at least.
        filename_suffix: At the end of the file's name.

    Source: torch.utils.tensorboard.FileWriter
    """

    def __init__(
        self, log_dir: Any, max_queue: int = 10, flush_secs: float = 120, filename_suffix: str = ""
    ) -> None:
        summary.require()
        self.event_writer = EventFileWriter(str(log_dir), max_queue, flush_secs, filename_suffix)

    def get_logdir(self) -> str:
        """The folder."""
        return self.event_writer.get_logdir()

    def add_event(self, event: Any, step: Any = None, walltime: float | None = None) -> None:
        """Write an event."""
        event.wall_time = time.time() if walltime is None else walltime
        if step is not None:
            event.step = int(step)
        self.event_writer.add_event(event)

    def add_summary(
        self, made: Any, global_step: Any = None, walltime: float | None = None
    ) -> None:
        """Write a summary."""
        self.add_event(Event(summary=made), global_step, walltime)

    def add_graph(self, graph: Any, walltime: float | None = None) -> None:
        """Write a graph."""
        self.add_event(Event(graph_def=graph.SerializeToString()), None, walltime)

    def flush(self) -> None:
        """Write what waits."""
        self.event_writer.flush()

    def close(self) -> None:
        """Write what waits, and close the file."""
        self.event_writer.close()

    def reopen(self) -> None:
        """Go on in a new file."""
        self.event_writer.reopen()


class SummaryWriter:
    """Writes what is to be seen of a training into a folder that TensorBoard watches.

    Args:
        log_dir: The folder. Default: runs/ with the date, the time and the machine's name.
        comment: At the end of the default folder's name.
        purge_step: TensorBoard drops what a crashed run had written from this step on.
        max_queue: How many events wait.
        flush_secs: How often they are written at least.
        filename_suffix: At the end of the files' names.

    Raises:
        ImportError: The package tensorboard is not installed.

    Source: torch.utils.tensorboard.SummaryWriter
    """

    def __init__(
        self,
        log_dir: Any = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        filename_suffix: str = "",
    ) -> None:
        if not log_dir:
            now = datetime.now().strftime("%b%d_%H-%M-%S")
            log_dir = os.path.join("runs", f"{now}_{socket.gethostname()}{comment}")
        self.log_dir, self.purge_step = log_dir, purge_step
        self.max_queue, self.flush_secs = max_queue, flush_secs
        self.filename_suffix = filename_suffix
        self.file_writer: FileWriter | None = None
        self.all_writers: dict[str, FileWriter] | None = None
        self._get_file_writer()
        self.default_bins = summary.usual_bins()

    def _get_file_writer(self) -> FileWriter:
        """The folder's writer; a new one after `close`."""
        if self.all_writers is None or self.file_writer is None:
            self.file_writer = self._writer(self.log_dir)
            self.all_writers = {self.file_writer.get_logdir(): self.file_writer}
            if self.purge_step is not None:
                step, self.purge_step = self.purge_step, None
                self.file_writer.add_event(Event(step=step, file_version="brain.Event:2"))
                start = Event(step=step, session_log=SessionLog(status=SessionLog.START))
                self.file_writer.add_event(start)
        return self.file_writer

    def _writer(self, folder: Any) -> FileWriter:
        return FileWriter(folder, self.max_queue, self.flush_secs, self.filename_suffix)

    def get_logdir(self) -> Any:
        """The folder."""
        return self.log_dir

    def _add(self, made: Any, step: Any, walltime: float | None) -> None:
        self._get_file_writer().add_summary(made, step, walltime)

    # -- numbers -----------------------------------------------------------------------------------

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: Any = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """A number.

        Args:
            tag: Its name; tags with one beginning up to / are drawn together.
            new_style, double_precision: As a tensor, which may have 64 bits.
        """
        self._add(
            *(summary.scalar(tag, scalar_value, new_style, double_precision), global_step, walltime)
        )

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: dict[str, Any],
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Several numbers in one chart, each in a folder of its own."""
        walltime = time.time() if walltime is None else walltime
        base = self._get_file_writer().get_logdir()
        writers = self.all_writers
        assert writers is not None
        for tag, value in tag_scalar_dict.items():
            folder = f"{base}/{main_tag.replace('/', '_')}_{tag}"
            if folder not in writers:
                writers[folder] = self._writer(folder)
            writers[folder].add_summary(summary.scalar(main_tag, value), global_step, walltime)

    def add_tensor(
        self, tag: str, tensor: Tensor, global_step: Any = None, walltime: float | None = None
    ) -> None:
        """All numbers of a tensor."""
        self._add(summary.tensor(tag, tensor), global_step, walltime)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: Any = None,
        bins: Any = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """How often numbers lie where.

        Args:
            bins: "tensorflow", or what `numpy.histogram` takes.
            max_bins: Join bins until there are no more.
        """
        bins = self.default_bins if isinstance(bins, str) and bins == "tensorflow" else bins
        self._add(summary.histogram(tag, values, bins, max_bins), global_step, walltime)

    def add_histogram_raw(
        self,
        tag: str,
        min: float,
        max: float,
        num: int,
        sum: float,
        sum_squares: float,
        bucket_limits: Any,
        bucket_counts: Any,
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """A histogram that was counted elsewhere.

        Raises:
            ValueError: There are not as many limits as counts.
        """
        if len(bucket_limits) != len(bucket_counts):
            raise ValueError("len(bucket_limits) != len(bucket_counts), see the document.")
        made = summary.histogram_raw(
            tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts
        )
        self._add(made, global_step, walltime)

    # -- images and sound --------------------------------------------------------------------------

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """A picture, of bytes or of numbers from 0 to 1."""
        pixels = media.as_image(img_tensor, dataformats)
        self._add(media.image(tag, pixels), global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Pictures, eight in a row."""
        self.add_image(tag, img_tensor, global_step, walltime, dataformats)

    def add_image_with_boxes(
        self,
        tag: str,
        img_tensor: Any,
        box_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        rescale: float = 1,
        dataformats: str = "CHW",
        labels: list[str] | None = None,
    ) -> None:
        """A picture with rectangles (left, top, right, bottom).

        Raises:
            RuntimeError: There are not as many labels as boxes.
        """
        labels = [labels] if isinstance(labels, str) else labels
        if labels is not None and len(labels) != len(box_tensor):
            raise RuntimeError("Number of labels do not equal number of box. Use None if so.")
        pixels = media.as_image(img_tensor, dataformats)
        self._add(media.image(tag, pixels, rescale, box_tensor, labels), global_step, walltime)

    def add_figure(
        self,
        tag: str,
        figure: Any,
        global_step: Any = None,
        close: bool = True,
        walltime: float | None = None,
    ) -> None:
        """A figure of matplotlib, or several, which are drawn, and closed where that is said."""
        from matplotlib import pyplot
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        figures = figure if isinstance(figure, list) else [figure]
        drawn = []
        for item in figures:
            canvas = FigureCanvasAgg(item)
            canvas.draw()
            drawn.append(np.asarray(canvas.buffer_rgba())[..., :3])
            if close:
                pyplot.close(item)
        if isinstance(figure, list):
            self.add_image(tag, np.stack(drawn), global_step, walltime, "NHWC")
        else:
            self.add_image(tag, drawn[0], global_step, walltime, "HWC")

    def add_video(
        self,
        tag: str,
        vid_tensor: Any,
        global_step: Any = None,
        fps: float = 4,
        walltime: float | None = None,
    ) -> None:
        """Frames (N, T, C, H, W), as a GIF."""
        self._add(media.video(tag, vid_tensor, fps), global_step, walltime)

    def add_audio(
        self,
        tag: str,
        snd_tensor: Any,
        global_step: Any = None,
        sample_rate: int = 44100,
        walltime: float | None = None,
    ) -> None:
        """Samples in [-1, 1] of one channel."""
        self._add(media.audio(tag, snd_tensor, sample_rate), global_step, walltime)

    # -- texts, curves, graphs ---------------------------------------------------------------------

    def add_text(
        self, tag: str, text_string: str, global_step: Any = None, walltime: float | None = None
    ) -> None:
        """A text, in Markdown."""
        self._add(summary.text(tag, text_string), global_step, walltime)

    def add_pr_curve(
        self,
        tag: str,
        labels: Any,
        predictions: Any,
        global_step: Any = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Precision and recall of predictions in [0, 1], of labels 0 and 1."""
        rows = summary.curve(labels, predictions, num_thresholds, weights)
        self._add(summary.pr_curve(tag, rows, num_thresholds), global_step, walltime)

    def add_pr_curve_raw(
        self,
        tag: str,
        true_positive_counts: Any,
        false_positive_counts: Any,
        true_negative_counts: Any,
        false_negative_counts: Any,
        precision: Any,
        recall: Any,
        global_step: Any = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """A precision-recall curve that was computed elsewhere."""
        parts = (
            *(true_positive_counts, false_positive_counts, true_negative_counts),
            *(false_negative_counts, precision, recall),
        )
        rows = np.stack([summary.array_of(x) for x in parts])
        self._add(summary.pr_curve(tag, rows, num_thresholds), global_step, walltime)

    def add_custom_scalars(self, layout: dict[str, Any]) -> None:
        """Which scalars are drawn together: ``{category: {chart: ["Multiline" or "Margin", tags]}}``."""
        self._add(summary.custom_scalars(layout), None, None)

    def add_custom_scalars_multilinechart(
        self, tags: list[str], category: str = "default", title: str = "untitled"
    ) -> None:
        """Scalars in one chart."""
        self.add_custom_scalars({category: {title: ["Multiline", tags]}})

    def add_custom_scalars_marginchart(
        self, tags: list[str], category: str = "default", title: str = "untitled"
    ) -> None:
        """A scalar between two others.

        Raises:
            AssertionError: There are not three tags.
        """
        if len(tags) != 3:
            raise AssertionError(f"Expected 3 tags, got {len(tags)}.")
        self.add_custom_scalars({category: {title: ["Margin", tags]}})

    def add_mesh(
        self,
        tag: str,
        vertices: Any,
        colors: Any = None,
        faces: Any = None,
        config_dict: Any = None,
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Points (batch, n, 3) in space, with colours and triangles."""
        self._add(summary.mesh(tag, vertices, colors, faces, config_dict), global_step, walltime)

    def add_graph(
        self,
        model: Any,
        input_to_model: Any = None,
        verbose: bool = False,
        use_strict_trace: bool = True,
    ) -> None:
        """The graph of a module.

        Args:
            input_to_model: Examples of its arguments.
            verbose: Print the graph.
            use_strict_trace: There is one way of tracing.
        """
        from .graph import graph_of

        made = graph_of(model, input_to_model)
        if verbose:
            print(made)
        self._get_file_writer().add_graph(made)

    def add_hparams(
        self,
        hparam_dict: dict[str, Any],
        metric_dict: dict[str, Any],
        hparam_domain_discrete: dict[str, list] | None = None,
        run_name: str | None = None,
        global_step: Any = None,
    ) -> None:
        """Parameters of a run and what it reached, to be compared with other runs.

        Args:
            hparam_domain_discrete: The values that parameters may have.
            run_name: Of the run's folder. Default: the time.
        """
        made = summary.hparams(hparam_dict, metric_dict, hparam_domain_discrete)
        folder = os.path.join(self._get_file_writer().get_logdir(), run_name or str(time.time()))
        with SummaryWriter(log_dir=folder) as run:
            for item in made:
                run._add(item, global_step, None)
            for name, value in metric_dict.items():
                run.add_scalar(name, value, global_step)

    def add_embedding(
        self,
        mat: Any,
        metadata: Any = None,
        label_img: Any = None,
        global_step: Any = None,
        tag: str = "default",
        metadata_header: Any = None,
    ) -> None:
        """Points (n, dimensions), with labels and pictures, for the projector.

        Raises:
            AssertionError: There are not as many labels or pictures as points.
        """
        from google.protobuf import text_format
        from tensorboard.plugins.projector.projector_config_pb2 import (
            EmbeddingInfo,
            ProjectorConfig,
        )

        rows = summary.array_of(mat)
        if rows.ndim != 2:
            raise AssertionError("mat should be 2D, where mat.size(0) is the number of data points")
        step = str(0 if global_step is None else global_step).zfill(5)
        folder = os.path.join(str(self._get_file_writer().get_logdir()), step, tag)
        os.makedirs(folder, exist_ok=True)
        _write_rows(os.path.join(folder, "tensors.tsv"), rows.tolist())
        about = EmbeddingInfo(
            tensor_name=f"{tag}:{step}", tensor_path=os.path.join(step, tag, "tensors.tsv")
        )
        if metadata is not None:
            if len(metadata) != len(rows):
                raise AssertionError("#labels should equal with #data points")
            lines = [[x] if metadata_header is None else x for x in metadata]
            header = [] if metadata_header is None else [metadata_header]
            _write_rows(os.path.join(folder, "metadata.tsv"), [*header, *lines])
            about.metadata_path = os.path.join(step, tag, "metadata.tsv")
        if label_img is not None:
            if label_img.shape[0] != len(rows):
                raise AssertionError("#images should equal with #data points")
            _write_sprite(os.path.join(folder, "sprite.png"), label_img)
            about.sprite.image_path = os.path.join(step, tag, "sprite.png")
            about.sprite.single_image_dim.extend([label_img.shape[3], label_img.shape[2]])
        path = os.path.join(str(self._get_file_writer().get_logdir()), "projector_config.pbtxt")
        config = ProjectorConfig()
        if os.path.exists(path):
            with open(path) as file:
                text_format.Parse(file.read(), config)
        config.embeddings.append(about)
        with open(path, "w") as file:
            file.write(text_format.MessageToString(config))

    # -- the files ---------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what waits."""
        for writer in (self.all_writers or {}).values():
            writer.flush()

    def close(self) -> None:
        """Write what waits, and close the files; adding goes on in new ones."""
        for writer in (self.all_writers or {}).values():
            writer.flush()
            writer.close()
        self.file_writer = self.all_writers = None

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _write_rows(path: str, rows: list[Any]) -> None:
    with open(path, "w") as file:
        for row in rows:
            file.write("\t".join(str(x) for x in row) + "\n")


def _write_sprite(path: str, images: Any) -> None:
    """Pictures (n, C, H, W) as one square of them."""
    array = summary.array_of(images)
    side = int(np.ceil(np.sqrt(len(array))))
    whole = np.zeros((side * side, *array.shape[1:]), array.dtype)
    whole[: len(array)] = array
    pixels = media.as_grid(whole, side)
    media.save_picture(path, pixels)
