"""The first home of `torch.func`: functorch's names.

Source: torch._functorch
"""
