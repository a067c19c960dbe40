"""Processes of a launcher.

Source: torch.distributed.elastic.multiprocessing
"""
