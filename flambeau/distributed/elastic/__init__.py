"""What programs import of torch.distributed.elastic: `record`. The launcher is `distributed.run`.

Source: torch.distributed.elastic
"""
