"""Data sets of one's own, transforms, and loaders with worker processes."""

import csv
import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    SequentialSampler,
    Subset,
    WeightedRandomSampler,
    default_collate,
    get_worker_info,
)


class Frame(Dataset):
    def __init__(self, path, transform=None):
        with open(path) as f:
            self.rows = [list(map(float, r)) for r in csv.reader(f)]
        self.transform = transform

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        if torch.is_tensor(i):
            i = i.tolist()
        s = {"x": np.array(self.rows[i][:-1], dtype=np.float32), "y": int(self.rows[i][-1])}
        return self.transform(s) if self.transform else s


class ToTensor:
    def __call__(self, s):
        return {"x": torch.from_numpy(s["x"]), "y": s["y"]}


class It(IterableDataset):
    def __iter__(self):
        w = get_worker_info()
        return iter(range(10) if w is None else range(w.id, 10, w.num_workers))


if __name__ == "__main__":
    torch.manual_seed(0)
    d = tempfile.mkdtemp()
    p = os.path.join(d, "a.csv")
    Path(p).write_text("\n".join(f"{i},{i * 2},{i % 3}" for i in range(10)))
    ds = Frame(p, ToTensor())
    for i, b in enumerate(DataLoader(ds, batch_size=4, shuffle=True, num_workers=2)):
        print(i, b["x"].shape, b["y"])
    print(sorted(int(v) for b in DataLoader(It(), batch_size=2, num_workers=2) for v in b))
    print(list(WeightedRandomSampler([0.1, 0.9, 0.4], 5)))
    print(list(BatchSampler(SequentialSampler(range(5)), 2, False)))
    c = ConcatDataset([ds, Subset(ds, [0, 1])])
    print(len(c), default_collate([1.0, 2.0]))
    g = torch.Generator().manual_seed(5)
    print(torch.utils.data.random_split(range(6), [0.5, 0.5], generator=g)[0].indices)
