"""torch.cuda.streams: the classes of streams and events."""

from . import Event, ExternalStream, Stream  # type: ignore[attr-defined]

__all__ = ["Event", "ExternalStream", "Stream"]
