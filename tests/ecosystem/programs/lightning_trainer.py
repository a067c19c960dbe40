"""lightning: a module and a data module under a Trainer, with callbacks, logs, checkpoints, and Fabric."""

import lightning
import torch
from lightning.pytorch.callbacks import (
    Callback,
    EarlyStopping,
    GradientAccumulationScheduler,
    LearningRateMonitor,
    ModelCheckpoint,
    StochasticWeightAveraging,
)
from lightning.pytorch.loggers import CSVLogger
from report import TRAINING, show
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics import Accuracy

QUIET = {"enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}


class Classifier(lightning.LightningModule):
    def __init__(self, width=16, lr=1e-2):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(
            nn.Linear(8, width, bias=False),  # a batch norm follows
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(width, 3),
        )
        self.accuracy = Accuracy("multiclass", num_classes=3)

    def training_step(self, batch, index):
        x, y = batch
        loss = nn.functional.cross_entropy(self.net(x), y)
        self.log("train", loss)
        return loss

    def validation_step(self, batch, index):
        x, y = batch
        scores = self.net(x)
        self.accuracy(scores, y)
        self.log("valid", nn.functional.cross_entropy(scores, y), prog_bar=True)
        self.log("accuracy", self.accuracy)

    def predict_step(self, batch, index):
        return self.net(batch[0]).softmax(-1)

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=self.hparams.lr)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 4)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "epoch"},
        }


class Data(lightning.LightningDataModule):
    def setup(self, stage=None):
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(48, 8, generator=generator)
        self.data = TensorDataset(x, (x[:, :3].argmax(1)))

    def train_dataloader(self):
        return DataLoader(self.data, batch_size=12, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.data, batch_size=16)

    predict_dataloader = val_dataloader


class Watch(Callback):
    def __init__(self):
        self.seen = []

    def on_train_batch_end(self, trainer, module, outputs, batch, index):
        self.seen.append(outputs["loss"].item())

    def on_validation_epoch_end(self, trainer, module):
        self.seen.append(trainer.callback_metrics["valid"].item())


lightning.seed_everything(0, verbose=False)
watch, best = Watch(), ModelCheckpoint(monitor="valid", save_last=True)
callbacks = [
    watch,
    best,
    EarlyStopping("valid"),
    LearningRateMonitor(),
    GradientAccumulationScheduler({2: 2}),
]
trainer = lightning.Trainer(
    max_epochs=3,
    logger=CSVLogger("."),
    callbacks=callbacks,
    gradient_clip_val=0.5,
    log_every_n_steps=1,
    **QUIET,
)
model = Classifier()
trainer.fit(model, datamodule=Data())
show("seen", watch.seen, TRAINING)
show("metrics", {name: value.item() for name, value in trainer.callback_metrics.items()}, TRAINING)
show("step", [trainer.global_step, trainer.current_epoch])
loaded = Classifier.load_from_checkpoint(best.best_model_path)
show("width", loaded.hparams.width)
show("validated", trainer.validate(loaded, datamodule=Data(), verbose=False), TRAINING)
show("predicted", trainer.predict(loaded, datamodule=Data()), TRAINING)

more = lightning.Trainer(
    max_epochs=5, logger=False, callbacks=[watch], **QUIET, enable_checkpointing=False
)
more.fit(Classifier(), datamodule=Data(), ckpt_path=best.last_model_path)
show("resumed", watch.seen[-6:], TRAINING)

lightning.seed_everything(1, verbose=False)
averaged = lightning.Trainer(
    max_epochs=4,
    logger=False,
    precision="bf16-mixed",
    callbacks=[StochasticWeightAveraging(1e-2, 0.5)],
    enable_checkpointing=False,
    **QUIET,
)
averaged.fit(Classifier(), datamodule=Data())
show("averaged", {name: value.item() for name, value in averaged.callback_metrics.items()}, 2e-2)

fabric = lightning.Fabric(accelerator="cpu", devices=1)
fabric.seed_everything(2, verbose=False)
plain = nn.Linear(8, 1)
plain, optimizer = fabric.setup(plain, torch.optim.SGD(plain.parameters(), lr=0.1))
losses = []
for _ in range(3):
    optimizer.zero_grad()
    loss = plain(torch.randn(4, 8)).square().mean()
    fabric.backward(loss)
    fabric.clip_gradients(plain, optimizer, max_norm=1.0)
    optimizer.step()
    losses.append(loss.item())
show("fabric", losses, TRAINING)
fabric.save("fabric.ckpt", {"model": plain, "optimizer": optimizer, "step": 3})
state = {"model": plain, "optimizer": optimizer, "step": 0}
fabric.load("fabric.ckpt", state)
show("fabric step", state["step"])
