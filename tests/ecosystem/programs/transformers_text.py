"""transformers: language models from their configurations, forward, backward, training and generation."""

import torch
from report import TRAINING, show, train
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 99}
ids = torch.arange(24).reshape(2, 12) * 7 % 99


def study(name, model, loss, steps=4):
    """Evaluate without dropout, then train with it."""
    model.eval()
    show(f"{name} logits", model(**loss).logits)
    model.train()
    torch.manual_seed(1)
    show(name, train(model.parameters(), lambda: model(**loss).loss, steps), TRAINING)
    model.eval()


def gpt2():
    torch.manual_seed(0)
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 99, "n_positions": 64}
    model = GPT2LMHeadModel(GPT2Config(**sizes, bos_token_id=0, eos_token_id=98))
    study("gpt2", model, {"input_ids": ids, "labels": ids})
    prompt = {"input_ids": ids[:, :5], "attention_mask": torch.ones(2, 5, dtype=torch.long)}
    options = {"max_new_tokens": 12, "pad_token_id": 0}
    show("gpt2 greedy", model.generate(**prompt, **options, do_sample=False))
    show("gpt2 beams", model.generate(**prompt, **options, num_beams=3, do_sample=False))
    torch.manual_seed(3)
    sampled = model.generate(**prompt, **options, do_sample=True, top_k=20, top_p=0.9)
    show("gpt2 sampled", sampled)
    model.save_pretrained("gpt2")
    loaded = GPT2LMHeadModel.from_pretrained("gpt2").eval()
    show("gpt2 loaded", loaded(ids).logits)
    same = all(torch.equal(a, b) for a, b in zip(model.parameters(), loaded.parameters()))
    show("gpt2 kept", same)


def bert():
    torch.manual_seed(0)
    config = BertConfig(**SMALL, intermediate_size=64, num_labels=3)
    model = BertForSequenceClassification(config)
    mask = torch.ones_like(ids)
    mask[1, 8:] = 0
    labels = torch.tensor([0, 2])
    study("bert", model, {"input_ids": ids, "attention_mask": mask, "labels": labels})
    states = model(ids, attention_mask=mask, output_hidden_states=True).hidden_states
    show("bert states", list(states))
    model.save_pretrained("bert")
    loaded = BertForSequenceClassification.from_pretrained("bert", attn_implementation="eager")
    attended = loaded.eval()(ids, attention_mask=mask, output_attentions=True)
    show("bert attentions", [attended.logits, *attended.attentions])
    torch.manual_seed(0)
    masked = BertForMaskedLM(config)
    study("bert masked", masked, {"input_ids": ids, "labels": ids})


def llama():
    torch.manual_seed(0)
    config = LlamaConfig(
        **SMALL, intermediate_size=64, num_key_value_heads=2, bos_token_id=0, eos_token_id=98
    )
    model = LlamaForCausalLM(config)
    study("llama", model, {"input_ids": ids, "labels": ids})
    generated = model.generate(ids[:, :4], max_new_tokens=12, do_sample=False, pad_token_id=0)
    show("llama greedy", generated)
    model.save_pretrained("llama", max_shard_size="20KB")
    loaded = LlamaForCausalLM.from_pretrained("llama", dtype=torch.bfloat16)
    show("llama bfloat16", [str(loaded.dtype), sum(p.numel() for p in loaded.parameters())])


def t5():
    torch.manual_seed(0)
    sizes = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
    model = T5ForConditionalGeneration(T5Config(**sizes, vocab_size=99, decoder_start_token_id=0))
    study("t5", model, {"input_ids": ids, "labels": ids[:, :6].contiguous()})
    show("t5 beams", model.generate(ids, max_new_tokens=8, num_beams=2))


gpt2()
bert()
llama()
t5()
