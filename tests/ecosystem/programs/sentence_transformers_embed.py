"""sentence-transformers: sentences embedded by a model made here, searched, trained, saved and loaded."""

import torch
from report import TRAINING, show
from sentence_transformers import SentenceTransformer, losses, models, util
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

words = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "a",
    "torch",
    "flame",
    "burns",
    "bright",
    "water",
    "is",
    "cold",
    "deep",
]
tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained("bert")
torch.manual_seed(0)
sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
BertModel(BertConfig(**sizes, intermediate_size=32, vocab_size=len(words))).save_pretrained("bert")

sentences = ["a torch burns", "a flame is bright", "water is cold", "deep water"]
bert = models.Transformer("bert", max_seq_length=12)
pooling = models.Pooling(bert.get_word_embedding_dimension(), "mean")
model = SentenceTransformer(modules=[bert, pooling, models.Normalize()], device="cpu")
embedded = model.encode(sentences, convert_to_tensor=True)
show("embedded", embedded)
show("numpy", model.encode(sentences, batch_size=2, normalize_embeddings=True).std().item())
show("similarity", model.similarity(embedded, embedded))
show("cosine", util.cos_sim(embedded[0], embedded))
show(
    "search",
    [
        [hit["corpus_id"] for hit in hits]
        for hits in util.semantic_search(embedded, embedded, top_k=3)
    ],
)

features = [model.tokenize(sentences[::2]), model.tokenize(sentences[1::2])]
loss = losses.MultipleNegativesRankingLoss(model)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
model.eval()
trained = []
for _ in range(4):
    optimizer.zero_grad()
    value = loss(features, None)
    value.backward()
    optimizer.step()
    trained.append(value.item())
show("losses", trained, TRAINING)
model.save("saved")
loaded = SentenceTransformer("saved", device="cpu")
show("loaded", loaded.encode(sentences, convert_to_tensor=True), TRAINING)
