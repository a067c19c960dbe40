"""Models in bfloat16, and under autocast."""

from __future__ import annotations

from typing import Any

from .convolution import resnet18
from .language import VOCABULARY, gpt, next_token
from .registry import Step, inference, integers, model, normal, training


@model("GPT in bfloat16, inference")
def gpt_inference(T: Any) -> Step:
    net = gpt(T, 256, 8, 4, 128).to(T.bfloat16).eval()
    tokens = integers(T, VOCABULARY, 2, 128)
    return inference(T, lambda: net(tokens).float())


@model("GPT in bfloat16, training")
def gpt_training(T: Any) -> Step:
    net, tokens = gpt(T, 128, 4, 4, 128).to(T.bfloat16), integers(T, VOCABULARY, 4, 128)
    optimizer = T.optim.AdamW(net.parameters(), lr=3e-4)
    return training(optimizer, lambda: next_token(T, net(tokens).float(), tokens))


@model("GPT under autocast, training")
def gpt_autocast(T: Any) -> Step:
    net, tokens = gpt(T, 128, 4, 4, 128), integers(T, VOCABULARY, 4, 128)
    optimizer = T.optim.AdamW(net.parameters(), lr=3e-4)

    def loss() -> Any:
        with T.autocast("cpu", dtype=T.bfloat16):
            logits = net(tokens)
        return next_token(T, logits.float(), tokens)

    return training(optimizer, loss)


@model("ResNet-18 in bfloat16, inference")
def resnet_inference(T: Any) -> Step:
    net, x = resnet18(T).to(T.bfloat16).eval(), normal(T, 8, 3, 32, 32).to(T.bfloat16)
    return inference(T, lambda: net(x).float())
