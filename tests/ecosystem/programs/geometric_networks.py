"""torch_geometric: graphs, batches, convolutions, pooling, relations and explanations."""

import torch
import torch_geometric.transforms as T
from report import TRAINING, show, train
from torch.nn import functional as F
from torch_geometric import seed_everything
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.explain import Explainer, GNNExplainer
from torch_geometric.loader import DataLoader, RandomNodeLoader
from torch_geometric.nn import (
    GAE,
    GCN,
    ChebConv,
    EdgeConv,
    GATConv,
    GATv2Conv,
    GCNConv,
    GINConv,
    HeteroConv,
    MessagePassing,
    NNConv,
    RGCNConv,
    SAGEConv,
    SAGPooling,
    TopKPooling,
    TransformerConv,
    global_max_pool,
    global_mean_pool,
    to_hetero,
)
from torch_geometric.utils import (
    coalesce,
    degree,
    get_laplacian,
    k_hop_subgraph,
    scatter,
    softmax,
    to_dense_adj,
    to_dense_batch,
    to_undirected,
)

seed_everything(0)
edges = to_undirected(torch.randint(0, 20, (2, 40)))
x = torch.randn(20, 6)
labels = torch.randint(0, 3, (20,))
features = torch.randn(edges.shape[1], 4)
graph = Data(x=x, edge_index=edges, edge_attr=features, y=labels)
show("graph", str(graph))


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = GCNConv(6, 8), GATConv(8, 3, heads=2, concat=False)

    def forward(self, x, edge_index):
        return self.second(F.relu(self.first(x, edge_index)), edge_index)


net = Net()
show("nodes", train(net.parameters(), lambda: F.cross_entropy(net(x, edges), labels)), TRAINING)
for layer in (
    SAGEConv(6, 5, aggr="max"),
    GATv2Conv(6, 5, heads=2),
    TransformerConv(6, 5),
    GINConv(torch.nn.Linear(6, 5)),
    ChebConv(6, 5, 3),
    EdgeConv(torch.nn.Linear(12, 5)),
):
    out = layer(x, edges)
    out.sum().backward()
    total = sum(p.grad.abs().sum() for p in layer.parameters())
    show(type(layer).__name__, [out, total], 1e-4)
show("with features", NNConv(6, 5, torch.nn.Linear(4, 30))(x, edges, features))
kinds = torch.randint(0, 3, (edges.shape[1],))
show("relations", RGCNConv(6, 5, 3, num_bases=2)(x, edges, kinds))
sparse = torch.sparse_coo_tensor(edges, torch.ones(edges.shape[1]), (20, 20)).coalesce()
show("sparse", GCNConv(6, 3)(x, sparse.to_sparse_csr()))


class Differences(MessagePassing):
    def __init__(self):
        super().__init__(aggr="mean")

    def forward(self, x, edge_index):
        return self.propagate(edge_index, x=x)

    def message(self, x_j, x_i):
        return x_j - x_i


show("own messages", Differences()(x, edges))

sizes = range(3, 11)
graphs = [
    Data(
        x=torch.randn(n, 4),
        edge_index=torch.randint(0, n, (2, 2 * n)),
        y=torch.tensor([n % 2]),
    )
    for n in sizes
]
model = GCN(4, 8, 2, 2)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
losses = []
for _ in range(2):
    for batch in DataLoader(graphs, batch_size=3, shuffle=True):
        optimizer.zero_grad()
        out = global_mean_pool(model(batch.x, batch.edge_index), batch.batch)
        loss = F.cross_entropy(out, batch.y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
show("graphs", losses, TRAINING)
batch = Batch.from_data_list(graphs)
show("batch", [str(batch), batch.ptr, batch[2].x, to_dense_batch(batch.x, batch.batch)[1].sum()])
show("maximum", global_max_pool(batch.x, batch.batch))
show("top", TopKPooling(6, 0.5)(x, edges)[0])
show("attended", SAGPooling(6, 0.5)(x, edges)[0])
show("parts", [part.num_nodes for part in RandomNodeLoader(graph, 4)])

show("degree", degree(edges[0], 20))
show("laplacian", get_laplacian(edges, normalization="sym")[1])
show("dense", to_dense_adj(edges))
show("hop", k_hop_subgraph(3, 2, edges)[0])
show("softmax", softmax(x, torch.arange(20) % 3))
show("scatter", scatter(x, torch.arange(20) % 3, reduce="max"))
show("coalesced", coalesce(torch.cat([edges, edges], 1)).shape)
split, _, test = T.RandomLinkSplit(num_val=0.2, num_test=0.2)(graph)
show("split", [split.edge_label.sum(), test.edge_label_index.shape])
prepared = T.Compose([T.NormalizeFeatures(), T.AddSelfLoops(), T.AddRandomWalkPE(3)])(graph)
show("prepared", [prepared.random_walk_pe, prepared.num_edges])

papers = HeteroData()
papers["paper"].x, papers["author"].x = torch.randn(5, 4), torch.randn(3, 6)
papers["author", "writes", "paper"].edge_index = torch.tensor([[0, 1, 2, 2], [0, 1, 2, 4]])
papers = T.ToUndirected()(papers)
layer = HeteroConv(
    {
        ("author", "writes", "paper"): SAGEConv((6, 4), 8),
        ("paper", "rev_writes", "author"): SAGEConv((4, 6), 8),
    }
)
show("kinds", layer(papers.x_dict, papers.edge_index_dict))


class Lazy(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = SAGEConv((-1, -1), 8), SAGEConv((-1, -1), 3)

    def forward(self, x, edge_index):
        return self.second(self.first(x, edge_index).relu(), edge_index)


torch.manual_seed(1)
kinds = to_hetero(Lazy(), papers.metadata())
show("rewritten", kinds(papers.x_dict, papers.edge_index_dict)["paper"])

seed_everything(1)
autoencoder = GAE(GCNConv(6, 4))
show("autoencoder", autoencoder.recon_loss(autoencoder.encode(x, edges), edges), 1e-4)
explainer = Explainer(
    GCN(6, 8, 2, 3).eval(),
    GNNExplainer(epochs=5),
    explanation_type="model",
    node_mask_type="attributes",
    edge_mask_type="object",
    model_config={
        "mode": "multiclass_classification",
        "task_level": "node",
        "return_type": "raw",
    },
)
show("explained", explainer(x, edges, index=3).edge_mask, TRAINING)
