"""Activation checkpointing of modules.

Source: torch.distributed.algorithms._checkpoint
"""
