"""accelerate: a loop that it prepares, with accumulation and clipping; saved states; weights placed later."""

import torch
from accelerate import Accelerator, init_empty_weights, load_checkpoint_and_dispatch
from accelerate.utils import set_seed
from report import TRAINING, show
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def network():
    return nn.Sequential(nn.Linear(6, 16), nn.GELU(), nn.LayerNorm(16), nn.Linear(16, 3))


set_seed(0)
accelerator = Accelerator(gradient_accumulation_steps=2, cpu=True)
x, y = torch.randn(32, 6), torch.randint(0, 3, (32,))
model = network()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=16)
loader = DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True)
model, optimizer, loader, schedule = accelerator.prepare(model, optimizer, loader, schedule)
losses, norms = [], []
for _ in range(3):
    for inputs, targets in loader:
        with accelerator.accumulate(model):
            loss = nn.functional.cross_entropy(model(inputs), targets)
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                norms.append(accelerator.clip_grad_norm_(model.parameters(), 1.0))
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(accelerator.gather(loss.detach()).item())
show("losses", losses, TRAINING)
show("norms", [norm.item() for norm in norms], TRAINING)
show("rates", schedule.get_last_lr())

accelerator.save_state("state")
before = accelerator.unwrap_model(model)(x)
with torch.no_grad():
    for parameter in model.parameters():
        parameter.zero_()
accelerator.load_state("state")
show("restored", torch.equal(model(x), before))
accelerator.save_model(model, "model")
with init_empty_weights():
    empty = network()
show("devices", sorted({str(p.device) for p in empty.parameters()}))
loaded = load_checkpoint_and_dispatch(empty, "model/model.safetensors", device_map={"": "cpu"})
show("loaded", torch.equal(loaded(x), before))
show("state", [accelerator.num_processes, accelerator.is_main_process, str(accelerator.device)])
