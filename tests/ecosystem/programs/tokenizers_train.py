"""tokenizers: a vocabulary learnt from text, batches with padding, and transformers' fast tokenizer around it."""

import torch
from report import show
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast

text = ["the torch burns", "the flame of the torch", "flames burn and burn"] * 4
tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
special = ["[UNK]", "[PAD]", "[MASK]"]
tokenizer.train_from_iterator(text, trainers.BpeTrainer(vocab_size=60, special_tokens=special))
fast = PreTrainedTokenizerFast(
    tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", mask_token="[MASK]"
)
batch = fast(text[:3], padding=True, return_tensors="pt")
show("ids", batch["input_ids"])
show("mask", batch["attention_mask"].bool().sum(1))
show("type", type(batch["input_ids"]) is torch.Tensor)
show("text", fast.batch_decode(batch["input_ids"], skip_special_tokens=True))
show("embedded", torch.nn.functional.one_hot(batch.to("cpu")["input_ids"], 60).sum((0, 1)))
torch.manual_seed(0)
collate = DataCollatorForLanguageModeling(fast, mlm_probability=0.3)
masked = collate([fast(line) for line in text[:3]])
show("masked", [masked["input_ids"], masked["labels"]])
