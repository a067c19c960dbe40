"""peft: low-rank and other adapters on transformers' models and on modules of one's own."""

import torch
from peft import (
    IA3Config,
    LoHaConfig,
    LoraConfig,
    PeftModel,
    PrefixTuningConfig,
    PromptTuningConfig,
    get_peft_model,
)
from report import TRAINING, show, train
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

ids = torch.arange(20).reshape(2, 10) * 3 % 50


def base():
    torch.manual_seed(0)
    config = GPT2Config(n_embd=32, n_layer=2, n_head=2, vocab_size=50, n_positions=32)
    return GPT2LMHeadModel(config)


def study(name, config):
    torch.manual_seed(1)
    model = get_peft_model(base(), config)
    show(f"{name} sizes", list(model.get_nb_trainable_parameters()))
    loss = lambda: model(input_ids=ids, labels=ids).loss
    model.eval()
    show(name, train(model.parameters(), loss, 4, lr=1e-2), TRAINING)
    return model


lora = LoraConfig(r=4, lora_alpha=8, target_modules=["c_attn"], fan_in_fan_out=True)
model = study("lora", lora)
tuned = model(input_ids=ids).logits
show("lora logits", tuned, TRAINING)
model.save_pretrained("adapter")
loaded = PeftModel.from_pretrained(base(), "adapter").eval()
show("loaded", torch.equal(loaded(input_ids=ids).logits, tuned))
with loaded.disable_adapter():
    show("without", loaded(input_ids=ids).logits)
merged = loaded.merge_and_unload()
show("merged", (merged(input_ids=ids).logits - tuned).abs().max().item() < 1e-5)

targets = ["c_attn"]
rank = {"r": 4, "target_modules": targets, "fan_in_fan_out": True}
study("dora", LoraConfig(**rank, use_dora=True))
study("rslora", LoraConfig(**rank, use_rslora=True, bias="lora_only"))
study("pissa", LoraConfig(**rank, init_lora_weights="pissa"))
feedforward = {"target_modules": ["c_attn", "mlp.c_proj"], "feedforward_modules": ["mlp.c_proj"]}
study("ia3", IA3Config(**feedforward, fan_in_fan_out=True))
study("prefix", PrefixTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM"))
study("prompt", PromptTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM"))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(8, 16), nn.Linear(16, 2)

    def forward(self, x):
        return self.last(self.first(x).relu())


torch.manual_seed(0)
config = LoHaConfig(r=2, target_modules=["first"], modules_to_save=["last"])
own = get_peft_model(Net(), config)
x = torch.randn(4, 8)
show("own", train(own.parameters(), lambda: own(x).square().mean(), 4), TRAINING)
show("names", [name for name, p in own.named_parameters() if p.requires_grad])
