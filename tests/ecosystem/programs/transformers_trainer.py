"""transformers' Trainer, which stands on accelerate: training, evaluation, checkpoints, and going on from one."""

import numpy as np
import torch
from report import TRAINING, show
from torch.utils.data import Dataset
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    EarlyStoppingCallback,
    Trainer,
    TrainingArguments,
    set_seed,
)


class Digits(Dataset):
    def __len__(self):
        return 24

    def __getitem__(self, index):
        ids = (torch.arange(8) * (index + 3)) % 50
        return {"input_ids": ids, "attention_mask": torch.ones(8).long(), "labels": index % 2}


def accuracy(prediction):
    return {"accuracy": float(np.mean(prediction.predictions.argmax(-1) == prediction.label_ids))}


def trainer(folder, steps, **options):
    set_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(**sizes, intermediate_size=32, vocab_size=50, num_labels=2)
    arguments = TrainingArguments(
        output_dir=folder,
        max_steps=steps,
        per_device_train_batch_size=4,
        learning_rate=1e-3,
        weight_decay=0.01,
        warmup_steps=2,
        lr_scheduler_type="cosine",
        logging_steps=2,
        save_steps=4,
        eval_strategy="steps",
        eval_steps=4,
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
        metric_for_best_model="loss",
        load_best_model_at_end=True,
        **options,
    )
    return Trainer(
        BertForSequenceClassification(config),
        arguments,
        train_dataset=Digits(),
        eval_dataset=Digits(),
        compute_metrics=accuracy,
        callbacks=[EarlyStoppingCallback(3)],
    )


def logs(trained):
    keys = ("loss", "grad_norm", "learning_rate", "eval_loss", "eval_accuracy", "epoch")
    return [[entry[key] for key in keys if key in entry] for entry in trained.state.log_history]


first = trainer("whole", 8, gradient_accumulation_steps=2)
result = first.train()
show("loss", result.training_loss, TRAINING)
show("logs", logs(first), TRAINING)
show("predictions", torch.from_numpy(first.predict(Digits()).predictions), TRAINING)

again = trainer("whole", 12, gradient_accumulation_steps=2)
again.train(resume_from_checkpoint="whole/checkpoint-4")
show("resumed", logs(again), TRAINING)

half = trainer("half", 4, bf16=True, gradient_checkpointing=True, optim="adafactor")
show("bfloat16", half.train().training_loss, 2e-2)
