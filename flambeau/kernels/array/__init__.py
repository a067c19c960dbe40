"""Whole arrays by neighbours: fills, copies, masks, joins, scans, sorting, random draws, checksums."""

from ..._lazy import attach

__getattr__, __dir__ = attach(__name__)
